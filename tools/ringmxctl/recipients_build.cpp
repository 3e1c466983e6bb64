// `ringmxctl recipients build`: a list of addresses becomes a table.
#include <cstdio>

#include "commands.hpp"
#include "recipients/table_builder.hpp"

namespace ringmx::ctl {

namespace {

constexpr std::uint64_t kComplaintsMax = 100;  // lines shown; all are counted

}  // namespace

ExitCode build_recipients(const BuildOptions& options) {
    const std::string name = options.input == "-" ? "standard input" : options.input;
    std::uint64_t shown = 0;
    const auto report = recipients::build_table(
        options.input, options.output, options.skip_bad, [&](std::uint64_t line, const std::string& problem) {
            if (++shown <= kComplaintsMax) complain(name + ":" + std::to_string(line) + ": " + problem);
        });
    if (!report) {
        complain(report.error().message);
        return ExitCode::failed;
    }
    if (shown > kComplaintsMax)
        complain(name + ": " + std::to_string(shown - kComplaintsMax) + " further bad lines are not shown");
    if (report->bad_lines > 0 && !options.skip_bad) {
        complain(name + ": " + std::to_string(report->bad_lines) + " of " + std::to_string(report->lines) +
                 " lines are bad: no table was written (--skip-bad leaves them out)");
        return ExitCode::failed;
    }
    const recipients::table::Header& table = report->table;
    std::printf(
        "%s: %llu addresses and %llu whole domains, in %llu domains; %llu octets\n", options.output.c_str(),
        static_cast<unsigned long long>(table.addresses), static_cast<unsigned long long>(table.catch_alls),
        static_cast<unsigned long long>(table.domains), static_cast<unsigned long long>(table.file_octets));
    const std::uint64_t left_out = report->given - table.addresses - table.catch_alls;
    if (left_out > 0) std::printf("%llu duplicates\n", static_cast<unsigned long long>(left_out));
    if (report->bad_lines > 0)
        std::printf("%llu bad lines left out\n", static_cast<unsigned long long>(report->bad_lines));
    return ExitCode::ok;
}

}  // namespace ringmx::ctl
