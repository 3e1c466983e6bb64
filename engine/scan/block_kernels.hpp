// Kernels made of a block run and a CRC instruction; see kernels.cpp for which there are.
#pragma once

#include "scan/block_run.hpp"
#include "scan/data_scan.hpp"

namespace ringmx::scan {

const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& avx512_vpclmul_kernels();
const Kernels& neon_kernels();

}  // namespace ringmx::scan
