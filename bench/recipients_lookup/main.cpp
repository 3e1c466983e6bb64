// Loads what accept.recipients may name and times look-ups of the addresses in a file, each once, in the
// order of the file. Prints one JSON object.
//
//     ringmx-recipients-lookup SOURCE ADDRESSES
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "base/clock.hpp"
#include "config/recipients_source.hpp"
#include "recipients/address_line.hpp"
#include "recipients/line_reader.hpp"
#include "recipients/lmdb_lookup.hpp"
#include "recipients/table.hpp"
#include "recipients/text_list.hpp"

namespace {

using namespace ringmx;
using namespace ringmx::recipients;
using Kind = config::RecipientsSource::Kind;

constexpr std::size_t kBatch = 1000;
constexpr int kRounds = 5;

// Addresses one behind the other, so that reading them costs as little as may be.
struct Questions {
    std::string text;
    std::vector<std::uint32_t> lengths;  // of local part and domain in turn
};

// CPU time of this thread, so that whoever else is busy on the machine counts for little.
std::int64_t cpu_ns() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

bool read_questions(const char* path, Questions& questions) {
    auto reader = LineReader::open(path);
    if (!reader) return false;
    AddressLine address;
    std::string problem;
    std::string_view line;
    bool too_long = false;
    while (reader->next(line, too_long)) {
        if (too_long || !parse_address_line(line, false, address, problem)) return false;
        for (const std::string_view part : {address.local_part.view(), address.domain.view()}) {
            questions.text += part;
            questions.lengths.push_back(static_cast<std::uint32_t>(part.size()));
        }
    }
    return !questions.lengths.empty();
}

std::unique_ptr<policy::RecipientLookup> open(const config::RecipientsSource& source, ListSlot& slot,
                                              std::string& problem) {
    Result<RecipientListPtr> list = Error{0, "this kind cannot be timed"};
    if (source.kind == Kind::lmdb) {
        auto database = LmdbDatabase::open(source.path, 1);
        if (database) return std::make_unique<LmdbLookup>(*database, nullptr);
        list = database.error();
    } else if (source.kind == Kind::table) {
        auto table = Table::load(source.path);
        list = table ? Result<RecipientListPtr>(RecipientListPtr(*table)) : table.error();
    } else if (source.kind == Kind::file) {
        list = TextList::load(source.path, nullptr);
    }
    if (!list) {
        problem = list.error().message;
        return nullptr;
    }
    slot.set(*list);
    return std::make_unique<ListLookup>(slot);
}

struct Round {
    double mean_ns = 0;
    std::vector<double> batches;  // ns of a look-up, mean of kBatch
    std::uint64_t found = 0;
    long minor_faults = 0;
    long major_faults = 0;
};

Round ask_all(policy::RecipientLookup& lookup, const Questions& questions) {
    Round round;
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    const char* at = questions.text.data();
    const std::size_t count = questions.lengths.size() / 2;
    const std::int64_t begun = cpu_ns();
    std::int64_t batch_begun = begun;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t local = questions.lengths[2 * i];
        const std::uint32_t domain = questions.lengths[2 * i + 1];
        const policy::RecipientKey key{{at, local}, {}, {at + local, domain}};
        at += local + domain;
        round.found += lookup.find({}, key) == policy::Found::yes ? 1 : 0;
        if ((i + 1) % kBatch != 0) continue;
        const std::int64_t now = cpu_ns();
        round.batches.push_back(static_cast<double>(now - batch_begun) / kBatch);
        batch_begun = now;
    }
    round.mean_ns = static_cast<double>(cpu_ns() - begun) / static_cast<double>(count);
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    round.minor_faults = after.ru_minflt - before.ru_minflt;
    round.major_faults = after.ru_majflt - before.ru_majflt;
    return round;
}

double percentile(std::vector<double> values, double part) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(part * static_cast<double>(values.size())))];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fprintf(stderr, "ringmx-recipients-lookup SOURCE ADDRESSES\n");
        return 64;
    }
    const auto source = config::parse_recipients(argv[1]);
    Questions questions;
    if (!source || !read_questions(argv[2], questions)) {
        std::fprintf(stderr, "%s\n",
                     source ? "the addresses cannot be read" : source.error().message.c_str());
        return 1;
    }
    ListSlot slot;
    std::string problem;
    const std::int64_t begun = cpu_ns();
    const auto lookup = open(*source, slot, problem);
    if (!lookup) {
        std::fprintf(stderr, "%s\n", problem.c_str());
        return 1;
    }
    const double load_ms = static_cast<double>(cpu_ns() - begun) / 1e6;
    std::vector<Round> rounds;
    for (int i = 0; i < kRounds; ++i)
        rounds.push_back(ask_all(*lookup, questions));
    const Round first = rounds.front();
    std::sort(rounds.begin(), rounds.end(),
              [](const Round& a, const Round& b) { return a.mean_ns < b.mean_ns; });
    const Round& median = rounds[kRounds / 2];
    std::printf(
        "{\"look_ups\": %zu, \"found\": %llu, \"load_ms\": %.1f, \"first_ns\": %.1f, \"mean_ns\": %.1f, "
        "\"least_ns\": %.1f, "
        "\"most_ns\": %.1f, \"batch_p99_ns\": %.1f, \"first_minor_faults\": %ld, \"first_major_faults\": "
        "%ld, "
        "\"minor_faults\": %ld}\n",
        questions.lengths.size() / 2, static_cast<unsigned long long>(first.found), load_ms, first.mean_ns,
        median.mean_ns, rounds.front().mean_ns, rounds.back().mean_ns, percentile(median.batches, 0.99),
        first.minor_faults, first.major_faults, median.minor_faults);
    return 0;
}
