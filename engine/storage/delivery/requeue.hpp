// Requests to deliver dead letters once more: empty files in the folder `requeue` of the dead letters' spool,
// each named after a letter's cursor. `ringmxctl spool --dead requeue` makes them, whether the server runs or
// not; the delivery takes a request back when its letter has been delivered (or died again, as a new letter)
// and the old one is acknowledged. So a request survives a crash of either side, and made twice it is one.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "storage/spool/cursor.hpp"

namespace ringmx::storage::delivery {

// Where the dead letters of a spool are.
std::string dead_path(const std::string& spool_path);

// `path`: of the dead letters' spool.
Status make_requeue_folder(const std::string& path);
// Durable when it returns.
Status request_requeue(const std::string& path, const spool::Cursor& letter);
// In the order of the log. No folder: none.
Result<std::vector<spool::Cursor>> requeue_requests(const std::string& path);
// No such request is no error. A crash may bring it back: its letter is acknowledged then.
Status take_back_request(const std::string& path, const spool::Cursor& letter);

}  // namespace ringmx::storage::delivery
