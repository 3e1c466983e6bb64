#include "storage/plugin/library.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdlib>
#include <vector>

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include "storage/plugin/crash_guard.hpp"

namespace ringmx::storage::plugin {
namespace {

// What version 1 of the struct had; later fields are looked at only if they are within a plugin's size.
constexpr std::size_t kBackendOctetsMin =
    offsetof(ringmx_backend, close) + sizeof(static_cast<ringmx_backend*>(nullptr)->close);
constexpr std::size_t kNameOctetsMax = 32;

bool is_name(const char* text) {
    if (text == nullptr) return false;
    const std::string_view name = text;
    return !name.empty() && name.size() <= kNameOctetsMax &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
           });
}

// "PATH: cannot open shared object file: ..." of dlerror, once and without an end of line.
std::string load_error(const std::string& path) {
    const char* const said = dlerror();
    std::string text = said == nullptr ? "unknown error" : said;
    if (text.starts_with(path + ": ")) text.erase(0, path.size() + 2);
    return text;
}

std::string folder_of(std::string path) {
    return path.erase(std::min(path.rfind('/'), path.size()));
}

std::string program_folder() {
    std::array<char, PATH_MAX> program{};
    const ssize_t length = readlink("/proc/self/exe", program.data(), program.size());
    return folder_of({program.data(), length > 0 ? static_cast<std::size_t>(length) : 0});
}

// The folder of the shared library that this code is in; empty: it is in the program itself.
std::string library_folder() {
    Dl_info info{};
    link_map* object = nullptr;
    if (dladdr1(reinterpret_cast<const void*>(&library_folder), &info, reinterpret_cast<void**>(&object),
                RTLD_DL_LINKMAP) == 0 ||
        object == nullptr || object->l_name[0] == '\0')
        return {};
    std::array<char, PATH_MAX> path{};
    return realpath(object->l_name, path.data()) == nullptr ? std::string{} : folder_of(path.data());
}

}  // namespace

Result<const ringmx_backend*> load(const std::string& path) {
    // Without a slash dlopen would search the system's folders.
    const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
    const CrashGuard guard("storage plugin " + file);
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        return Error{0, "storage plugin " + file + " cannot be loaded: " + load_error(file)};
    void* const symbol = dlsym(library, RINGMX_BACKEND_SYMBOL);
    if (symbol == nullptr) {
        return Error{0, "storage plugin " + file +
                            " does not export " RINGMX_BACKEND_SYMBOL
                            ": it is not a storage backend of ringmx"};
    }
    const auto entry = reinterpret_cast<ringmx_backend_entry_function>(symbol);
    const ringmx_backend* const backend = entry();
    if (Status status = check(backend, "storage plugin " + file); !status) return status.error();
    return backend;
}

Status check(const ringmx_backend* backend, const std::string& where) {
    if (backend == nullptr) return Error{0, where + " returned no description of itself"};
    if (backend->abi != RINGMX_BACKEND_ABI) {
        return Error{0, where + " was built for version " + std::to_string(backend->abi) +
                            " of the plugin interface, and this server has version " +
                            std::to_string(RINGMX_BACKEND_ABI)};
    }
    if (backend->size < kBackendOctetsMin) {
        return Error{0, where + " describes itself in " + std::to_string(backend->size) +
                            " octets, fewer than the " + std::to_string(kBackendOctetsMin) +
                            " of version 1: its size field is wrong"};
    }
    if (!is_name(backend->name)) {
        return Error{0, where + " has no name of 1 to " + std::to_string(kNameOctetsMax) +
                            " letters, digits and underscores"};
    }
    if (backend->open == nullptr || backend->submit == nullptr)
        return Error{0, where + " lacks the function " + (backend->open == nullptr ? "open" : "submit")};
    return ok_status();
}

std::string shipped_path(std::string_view name) {
    const std::string file = "/ringmx/ringmx-" + std::string(name) + ".so";
    const std::string program = program_folder();
    std::vector<std::string> folders{program + "/../lib", program + "/../" RINGMX_LIBDIR};
    if (const std::string own = library_folder(); !own.empty()) folders.insert(folders.begin(), own);
    for (const std::string& folder : folders) {
        if (access((folder + file).c_str(), F_OK) == 0) return folder + file;
    }
    return folders.front() + file;
}

}  // namespace ringmx::storage::plugin
