// Mail data for the benchmarks: lines as mail has them, and what a hostile or odd sender writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringmx::micro {

// `size` octets of lines of 58 to 75 letters between `start` and `end`; the last line may be cut. The same
// text every time.
inline std::string lines(std::string_view start, std::string_view end, std::size_t size) {
    std::string text;
    for (std::uint32_t x = 1; text.size() < size;) {
        x = x * 1664525 + 1013904223;
        text.append(start).append(58 + (x >> 24) % 18, static_cast<char>('a' + (x >> 16) % 26)).append(end);
    }
    text.resize(size);
    return text;
}

inline std::string repeated(std::string_view one, std::size_t size) {
    std::string text;
    while (text.size() < size)
        text += one;
    text.resize(size);
    return text;
}

// Ordinary mail data; kept for the size asked for last.
inline const std::string& mail_text(std::size_t size) {
    static std::string text;
    if (text.size() != size) text = lines("", "\r\n", size);
    return text;
}

}  // namespace ringmx::micro
