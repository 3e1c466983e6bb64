// What nearly every test includes, read once for all of them (RINGMX_PRECOMPILE_TESTS). No source includes
// this file: each names what it uses, as the presets that do not precompile show.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
