#include "recipients/curl_library.hpp"

#include <string>
#include <type_traits>

#include <dlfcn.h>

namespace ringmx::recipients {

namespace {

constexpr const char* kName = "libcurl.so.4";

// dlerror() of the calling thread.
Error load_error() {
    const char* const text = dlerror();
    return Error{0, "HTTP needs libcurl: " + std::string(text == nullptr ? kName : text)};
}

Result<CurlLibrary> load() {
    // Never unloaded: libcurl and what it uses keep state of the process.
    void* const handle = dlopen(kName, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == nullptr) return load_error();
    CurlLibrary library;
    bool whole = true;
    const auto find = [&](auto& function, const char* name) {
        void* const found = dlsym(handle, name);
        whole = whole && found != nullptr;
        function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
    };
    find(library.global_init, "curl_global_init");
    find(library.easy_init, "curl_easy_init");
    find(library.easy_setopt, "curl_easy_setopt");
    find(library.easy_getinfo, "curl_easy_getinfo");
    find(library.easy_cleanup, "curl_easy_cleanup");
    find(library.easy_strerror, "curl_easy_strerror");
    find(library.multi_init, "curl_multi_init");
    find(library.multi_setopt, "curl_multi_setopt");
    find(library.multi_add_handle, "curl_multi_add_handle");
    find(library.multi_remove_handle, "curl_multi_remove_handle");
    find(library.multi_perform, "curl_multi_perform");
    find(library.multi_poll, "curl_multi_poll");
    find(library.multi_info_read, "curl_multi_info_read");
    find(library.multi_cleanup, "curl_multi_cleanup");
    find(library.slist_append, "curl_slist_append");
    find(library.slist_free_all, "curl_slist_free_all");
    if (!whole) return load_error();
    if (const CURLcode code = library.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK)
        return Error{0, std::string("libcurl: ") + library.easy_strerror(code)};
    return library;
}

}  // namespace

Result<const CurlLibrary*> CurlLibrary::get() {
    static const Result<CurlLibrary> library = load();
    if (!library) return library.error();
    return &*library;
}

}  // namespace ringmx::recipients
