// Loading real shared objects (tests/plugins/): each way in which that can fail has its sentence.
#include "storage/plugin/library.hpp"

#include <csignal>
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "storage/plugin/crash_guard.hpp"
#include "test_plugin.hpp"

namespace ringmx::storage::plugin {
namespace {

std::string path_of(const std::string& name) {
    return std::string(RINGMX_TEST_PLUGINS) + "/" + name + ".so";
}

std::string load_error(const std::string& path) {
    const auto loaded = load(path);
    return loaded.ok() ? "" : loaded.error().message;
}

TEST(PluginLibrary, LoadsAPlugin) {
    const auto backend = load(path_of("actor"));
    ASSERT_TRUE(backend.ok()) << backend.error().message;
    EXPECT_STREQ((*backend)->name, "actor");
    RecordingServices services;
    auto instance = Instance::open(**backend, {.options = {{"say", "hello"}}}, services);
    ASSERT_TRUE(instance.ok()) << instance.error().message;
    EXPECT_EQ(services.lines, std::vector<std::string>{"actor 0 hello"});
    TestSubmission one(7);
    ASSERT_EQ((*instance)->submit({&one.submission, 1}), 1u);
    const auto completions = take(**instance);
    ASSERT_EQ(completions.size(), 1u);
    EXPECT_EQ(completions[0].status, StoreStatus::stored);
    EXPECT_EQ((*instance)->plugin_counters()[0].second, 17u);
}

TEST(PluginLibrary, SaysWhatIsWrongWithAFile) {
    EXPECT_EQ(
        load_error("/nonexistent/a.so"),
        "storage plugin /nonexistent/a.so cannot be loaded: cannot open shared object file: No such file "
        "or directory");
    const std::string text = testing::TempDir() + "/ringmx-no-elf-" + std::to_string(getpid());
    std::ofstream(text) << std::string(4096, 'x');
    EXPECT_EQ(load_error(text), "storage plugin " + text + " cannot be loaded: invalid ELF header");
    std::remove(text.c_str());
    EXPECT_EQ(load_error(path_of("no_symbol")),
              "storage plugin " + path_of("no_symbol") +
                  " does not export ringmx_backend_entry: it is not a storage backend of ringmx");
    EXPECT_EQ(load_error(path_of("wrong_abi")),
              "storage plugin " + path_of("wrong_abi") +
                  " was built for version 42 of the plugin interface, and this server has version 1");
}

TEST(PluginLibrary, ChecksWhatAPluginSaysOfItself) {
    const auto problem = [](auto change) {
        ringmx_backend backend = kPuppet;
        change(backend);
        const Status status = check(&backend, "it");
        return status.ok() ? "" : status.error().message;
    };
    EXPECT_EQ(problem([](ringmx_backend&) {}), "");
    EXPECT_EQ(problem([](ringmx_backend& b) { b.size += 64; }), "") << "a later one may have more";
    EXPECT_EQ(problem([](ringmx_backend& b) { b.size -= 1; }),
              "it describes itself in 63 octets, fewer than the 64 of version 1: its size field is wrong");
    EXPECT_EQ(problem([](ringmx_backend& b) { b.open = nullptr; }), "it lacks the function open");
    EXPECT_EQ(problem([](ringmx_backend& b) { b.submit = nullptr; }), "it lacks the function submit");
    EXPECT_EQ(problem([](ringmx_backend& b) { b.flush = nullptr; }), "");
    for (const char* name :
         {static_cast<const char*>(nullptr), "", "a b", "a.b", "0123456789012345678901234567890123"}) {
        EXPECT_TRUE(problem([&](ringmx_backend& b) { b.name = name; }).starts_with("it has no name "));
    }
    EXPECT_EQ(check(nullptr, "it").error().message, "it returned no description of itself");
}

TEST(PluginLibrary, FindsShippedBackendsBesideTheProgram) {
    EXPECT_TRUE(shipped_path("lmtp").ends_with("/bin/../lib/ringmx/ringmx-lmtp.so")) << shipped_path("lmtp");
}

// --- crashes while a plugin is opened

void open_crashing(const std::string& how) {
    const auto backend = load(path_of("crash"));
    RecordingServices services;
    const auto opened = Instance::open(**backend, {.options = {{"how", how}}}, services);
    std::fprintf(stderr, "%s\n", opened.ok() ? "opened" : opened.error().message.c_str());
    _exit(opened.ok() ? 1 : 2);
}

class PluginCrash : public testing::Test {
 protected:
    void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

TEST_F(PluginCrash, EndsTheProcessWithASentenceThatNamesThePlugin) {
    const auto code = testing::ExitedWithCode(kCrashExitCode);
    EXPECT_EXIT(open_crashing("segv"), code,
                "ringmx: storage backend \"crash\" has crashed while it was opened: SIGSEGV");
    EXPECT_EXIT(open_crashing("abort"), code, "crashed while it was opened: SIGABRT");
    EXPECT_EXIT(open_crashing("overflow"), code, "crashed while it was opened: SIGSEGV");
    EXPECT_EXIT(open_crashing("no"), testing::ExitedWithCode(2), "could not be opened: it did not crash");
}

TEST_F(PluginCrash, IsNotLookedForOnceThePluginIsOpen) {
    struct sigaction before {
    }, during{}, after{};
    sigaction(SIGSEGV, nullptr, &before);
    {
        const CrashGuard guard("test");
        sigaction(SIGSEGV, nullptr, &during);
    }
    sigaction(SIGSEGV, nullptr, &after);
    EXPECT_NE(during.sa_sigaction, before.sa_sigaction);
    EXPECT_EQ(after.sa_sigaction, before.sa_sigaction);
}

}  // namespace
}  // namespace ringmx::storage::plugin
