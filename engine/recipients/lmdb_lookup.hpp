// Recipients in an LMDB database, read only: key "local@domain" or "@domain", any value. Each core reads with
// a transaction of its own, which takes no lock, lasts for one look-up and sees what was committed last; a
// look-up goes down a B+ tree, whose depth is the logarithm of its size.
#pragma once

#include <memory>
#include <string>

#include <lmdb.h>

#include "admin/counters.hpp"
#include "base/result.hpp"
#include "policy/recipient_lookup.hpp"

namespace ringmx::recipients {

// An open database. One at a time of each file in a process (its locks are the process's).
class LmdbDatabase {
 public:
    // `path`: a folder with data.mdb, or a file of its own (MDB_NOSUBDIR). `readers`: look-ups at a time.
    static Result<std::shared_ptr<const LmdbDatabase>> open(const std::string& path, unsigned readers);
    ~LmdbDatabase();
    LmdbDatabase(const LmdbDatabase&) = delete;
    LmdbDatabase& operator=(const LmdbDatabase&) = delete;

    MDB_env* environment() const { return environment_; }
    MDB_dbi table() const { return table_; }
    std::uint64_t entries() const;  // now; 0 if that cannot be told

 private:
    LmdbDatabase() = default;

    MDB_env* environment_ = nullptr;
    MDB_dbi table_ = 0;
};

class LmdbLookup final : public policy::RecipientLookup {
 public:
    // `counters`: the core's; may be null.
    LmdbLookup(std::shared_ptr<const LmdbDatabase> database, admin::CoreCounters* counters)
        : database_(std::move(database)), counters_(counters) {}
    ~LmdbLookup() override;

    policy::Found find(const policy::Ticket& ticket, const policy::RecipientKey& key) override;

 private:
    // Return what LMDB does: 0, MDB_NOTFOUND, or what has gone wrong.
    int begin();
    int search(const policy::RecipientKey& key);
    int get(std::string_view local_part, std::string_view domain);
    int get_key(std::string_view key);

    const std::shared_ptr<const LmdbDatabase> database_;
    admin::CoreCounters* const counters_;
    MDB_txn* transaction_ = nullptr;  // begun with the first look-up
};

}  // namespace ringmx::recipients
