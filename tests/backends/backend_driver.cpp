// backend_driver: loads a storage backend (a shared object of ringmx/backend.h), opens it with options, and
// submits every *.eml file of a folder, in the order of their names.
//
//     backend_driver BACKEND.so FOLDER -o NAME=VALUE... --to user@example.com [--retry] ...
//
// Output, one line each, fields separated by tabs:
//     open NAME VERSION DURABILITY      log LEVEL TEXT          counter NAME VALUE
//     done ID FILE stored|retry|reject ATTEMPT TEXT             unfinished ID FILE
//     false TOKEN STATUS                (a second completion, or one for nothing)
// Exit code: 0 if every message was completed (with --retry: stored or rejected) and no completion was false,
// 1 if not, 2 if the backend cannot be loaded or does not open.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <dlfcn.h>

#include "driver_host.hpp"
#include "driver_message.hpp"
#include "driver_run.hpp"

namespace {

struct Arguments {
    std::string backend;
    std::string folder;
    std::vector<std::string> options;
    std::vector<std::string> to;
    std::uint64_t seed = 0;
    unsigned repeat = 1;
    unsigned deadline_s = 120;
    unsigned backoff_max_ms = 2000;
    driver::Envelope envelope;
    driver::RunOptions run;
};

void describe(CLI::App& app, Arguments& arguments) {
    app.add_option("backend", arguments.backend, "the shared object")->required();
    app.add_option("folder", arguments.folder, "with the *.eml files, and perhaps *.env files")->required();
    app.add_option("-o,--option", arguments.options,
                   "NAME=VALUE of the backend's options; an array: several");
    app.add_option("--from", arguments.envelope.reverse_path, "reverse-path; empty: the null one");
    app.add_option("--to", arguments.to, "forward-paths of messages whose .env file names none");
    app.add_option("--seed", arguments.seed, "of the message ids: the same seed, the same ids");
    app.add_option("--repeat", arguments.repeat, "submit the folder so often, each time with other ids");
    app.add_option("--batch", arguments.run.batch, "messages of one submit()")->check(CLI::PositiveNumber);
    app.add_option("--in-flight", arguments.run.in_flight, "most not completed")->check(CLI::PositiveNumber);
    app.add_option("--span", arguments.run.span_octets, "octets of a span")->check(CLI::PositiveNumber);
    app.add_flag("--retry", arguments.run.retry, "submit again, with backoff, what was completed with retry");
    app.add_option("--backoff-max", arguments.backoff_max_ms, "milliseconds");
    app.add_option("--deadline", arguments.deadline_s, "seconds for everything");
}

const ringmx_backend* load(const std::string& path) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto entry = reinterpret_cast<ringmx_backend_entry_function>(dlsym(library, RINGMX_BACKEND_SYMBOL));
    if (entry == nullptr) throw std::runtime_error(path + " has no " + RINGMX_BACKEND_SYMBOL);
    const ringmx_backend* backend = entry();
    if (backend->abi != RINGMX_BACKEND_ABI) throw std::runtime_error(path + " is of another ABI version");
    return backend;
}

std::vector<ringmx_option> options_of(std::vector<std::string>& given) {
    std::vector<ringmx_option> options;
    for (std::string& text : given) {
        const std::size_t equal = text.find('=');
        if (equal == std::string::npos) throw std::runtime_error("not NAME=VALUE: " + text);
        text[equal] = '\0';
        options.push_back({sizeof(ringmx_option), 0, text.c_str(), text.c_str() + equal + 1});
    }
    return options;
}

std::vector<driver::Job> jobs_of(const Arguments& arguments) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(arguments.folder)) {
        if (entry.path().extension() == ".eml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<driver::Job> jobs;
    for (unsigned round = 0; round < arguments.repeat; ++round) {
        for (const auto& file : files) {
            driver::Job job;
            job.file = file;
            job.envelope = envelope_of(file, arguments.envelope);
            make_id(job, arguments.seed, jobs.size());
            jobs.push_back(job);
        }
    }
    return jobs;
}

int drive(Arguments& arguments) {
    for (const std::string& to : arguments.to)
        arguments.envelope.recipients.push_back({to, "", 0});
    auto jobs = jobs_of(arguments);
    const ringmx_backend* backend = load(arguments.backend);
    driver::DriverHost host;
    const auto options = options_of(arguments.options);
    ringmx_instance instance{};
    instance.size = sizeof instance;
    std::array<char, 256> error{};
    if (backend->open(host.raw(), options.data(), static_cast<std::uint32_t>(options.size()), &instance,
                      error.data(), error.size()) != 0) {
        throw std::runtime_error(error.data());
    }
    driver::print_line({"open", backend->name, backend->version, std::to_string(instance.durability)});
    return driver::run(*backend, instance, host, jobs, arguments.run) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Drives a storage backend; see the head of backend_driver.cpp.");
    Arguments arguments;
    arguments.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    describe(app, arguments);
    CLI11_PARSE(app, argc, argv);
    arguments.run.deadline = std::chrono::seconds(arguments.deadline_s);
    arguments.run.backoff_max = std::chrono::milliseconds(arguments.backoff_max_ms);
    try {
        return drive(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "backend_driver: %s\n", error.what());
        return 2;
    }
}
