// The mail-data machine one octet at a time, without checksum and totals: the whole of the scalar
// implementation, and the way past rare events for the others.
#pragma once

#include "scan/data_scan.hpp"

namespace ringmx::scan {

// Advances `state` (position and counts of bad octets only) over `in` as copy_data (dots) or copy_chunk does.
DataStep step_octets(DataState& state, Bytes in, MutableBytes out, bool dots);

// Writes a CR that is still pending, as finish_chunks does.
DataStep finish_octets(DataState& state, MutableBytes out);

}  // namespace ringmx::scan
