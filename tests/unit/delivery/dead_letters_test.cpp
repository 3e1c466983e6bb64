// The spool of dead letters when it cannot be opened, again and again.
#include "storage/delivery/dead_letters.hpp"

#include <filesystem>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fixtures.hpp"

namespace ringmx::storage::delivery {
namespace {

using test::TempDir;
using test::TestMail;

// As long as it lives, the process may open so many files more.
class FilesLeft {
 public:
    explicit FilesLeft(rlim_t count) {
        const int lowest = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        EXPECT_GE(lowest, 0);
        ::close(lowest);
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit limit{static_cast<rlim_t>(lowest) + count, before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    ~FilesLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    FilesLeft(const FilesLeft&) = delete;
    FilesLeft& operator=(const FilesLeft&) = delete;

 private:
    rlimit before_{};
};

std::size_t segments_in(const std::string& spool) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(spool + "/shard-0000"))
        count += entry.path().extension() == ".log";
    return count;
}

// At one of these limits the spool can be opened, and its disk and the first of its empty segments, but not
// the second: each attempt at that took a handler of the ring, of which there are sixteen, and a descriptor.
TEST(DeadLetterSpool, MayFailToOpenForEver) {
    constexpr int attempts = 40;
    constexpr rlim_t files_max = 32;
    const TempDir directory;
    const auto options = test::spool_options(directory.path() + "/dead");
    MessageIdGenerator ids;
    const TestMail mail(ids.next(1), {"a@example.com"}, 100);
    DeadLetter letter;
    letter.id = mail.id;
    letter.envelope = as_bytes(mail.envelope);
    letter.content = as_bytes(mail.content);
    letter.reason = "refused";
    // UndefinedBehaviorSanitizer opens files when it meets a class for the first time: it meets them all
    // here.
    DeadLetters first(options);
    ASSERT_TRUE(first.write({&letter, 1}).ok());
    for (int i = 0; i < 10'000 && segments_in(options.path) < 3; ++i) {
        first.tick();
        ::usleep(1000);
    }
    ASSERT_GE(segments_in(options.path), 3u) << "one with the letter, two in stock";
    first.close();

    letter.kept = false;
    DeadLetters letters(options);
    for (rlim_t files = 0; files < files_max && !letter.kept; ++files) {
        for (int attempt = 0; attempt < attempts && !letter.kept; ++attempt) {
            const FilesLeft left(files);
            const Status written = letters.write({&letter, 1});
            ASSERT_EQ(written.ok(), letter.kept);
            ASSERT_TRUE(!letter.kept || attempt == 0) << "what " << files << " files are too few for";
        }
    }
    EXPECT_TRUE(letter.kept);
    letters.close();
    auto reader = spool::SpoolReader::open(options.path);
    ASSERT_TRUE(reader.ok());
    for (int count = 0; count < 2; ++count) {
        const auto found = (*reader)->next();
        ASSERT_TRUE(found.ok() && found->has_value());
        EXPECT_EQ((*found)->id, mail.id);
    }
}

}  // namespace
}  // namespace ringmx::storage::delivery
