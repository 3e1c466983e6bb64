#include "recipients/lmdb_lookup.hpp"

#include <cerrno>

#include <sys/stat.h>

#include "base/limits.hpp"
#include "policy/mailbox_text.hpp"

namespace ringmx::recipients {

namespace {

constexpr unsigned kOtherReaders = 126;  // LMDB's default, for programs beside the server
constexpr mdb_mode_t kLockFileMode = 0660;

Error lmdb_error(int code, const std::string& path) {
    std::string text = path + ": " + mdb_strerror(code);
    if (code == EACCES) text += " (the server reads the database and writes its lock file)";
    return {code > 0 ? code : EINVAL, text};
}

}  // namespace

Result<std::shared_ptr<const LmdbDatabase>> LmdbDatabase::open(const std::string& path, unsigned readers) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return system_error(errno, path);
    const std::shared_ptr<LmdbDatabase> opened(new LmdbDatabase());
    int code = mdb_env_create(&opened->environment_);
    if (code != 0) return lmdb_error(code, path);
    MDB_env* const environment = opened->environment_;
    mdb_env_set_maxreaders(environment, readers + kOtherReaders);
    mdb_env_set_mapsize(environment, limits::lmdb_map_octets);  // so that a database may grow under us
    // NOTLS: transactions are objects of the cores, not of their threads. NORDAHEAD: look-ups are at random.
    const unsigned flags =
        MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD | (S_ISDIR(info.st_mode) ? 0u : unsigned{MDB_NOSUBDIR});
    code = mdb_env_open(environment, path.c_str(), flags, kLockFileMode);
    if (code != 0) return lmdb_error(code, path);
    MDB_txn* transaction = nullptr;
    code = mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction);
    if (code != 0) return lmdb_error(code, path);
    code = mdb_dbi_open(transaction, nullptr, 0, &opened->table_);
    if (code != 0) {
        mdb_txn_abort(transaction);
        return lmdb_error(code, path);
    }
    code = mdb_txn_commit(transaction);  // keeps the handle
    if (code != 0) return lmdb_error(code, path);
    return std::shared_ptr<const LmdbDatabase>(opened);
}

LmdbDatabase::~LmdbDatabase() {
    if (environment_ != nullptr) mdb_env_close(environment_);
}

std::uint64_t LmdbDatabase::entries() const {
    MDB_stat stat{};
    return mdb_env_stat(environment_, &stat) == 0 ? stat.ms_entries : 0;
}

LmdbLookup::~LmdbLookup() {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
}

// The first one takes a place among the readers, under a lock; the place is kept.
int LmdbLookup::begin() {
    if (transaction_ == nullptr)
        return mdb_txn_begin(database_->environment(), nullptr, MDB_RDONLY, &transaction_);
    return mdb_txn_renew(transaction_);
}

int LmdbLookup::get_key(std::string_view key) {
    MDB_val name{key.size(), const_cast<char*>(key.data())};
    MDB_val value{};
    const int code = mdb_get(transaction_, database_->table(), &name, &value);
    return code == MDB_BAD_VALSIZE ? MDB_NOTFOUND : code;  // longer than any key can be
}

// Postfix's postmap ends keys with an octet of zero, others do not.
int LmdbLookup::get(std::string_view local_part, std::string_view domain) {
    policy::ShortText key;
    if (!key.append(local_part) || !key.append("@") || !key.append(domain)) return MDB_NOTFOUND;
    const int code = get_key(key.view());
    if (code != MDB_NOTFOUND || !key.append(std::string_view("", 1))) return code;
    return get_key(key.view());
}

int LmdbLookup::search(const policy::RecipientKey& key) {
    int code = key.local_part.empty() ? MDB_NOTFOUND : get(key.local_part, key.domain);
    if (code == MDB_NOTFOUND && !key.base.empty()) code = get(key.base, key.domain);
    if (code == MDB_NOTFOUND) code = get({}, key.domain);
    return code;
}

policy::Found LmdbLookup::find(const policy::Ticket&, const policy::RecipientKey& key) {
    int code = begin();
    if (code == 0) {
        code = search(key);
        mdb_txn_reset(transaction_);  // what was read may be overwritten from here on
    }
    if (code == 0) return policy::Found::yes;
    if (code == MDB_NOTFOUND) return policy::Found::no;
    if (counters_ != nullptr) counters_->recipients_unavailable.add(1);
    return policy::Found::unavailable;
}

}  // namespace ringmx::recipients
