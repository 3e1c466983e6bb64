// libcurl, loaded when something in the configuration wants HTTP: it brings some thirty libraries along,
// which a server that looks recipients up elsewhere shall not have in its process. Its functions by name, as
// curl/curl.h declares them.
#pragma once

#include <curl/curl.h>

#include "base/result.hpp"

namespace ringmx::recipients {

struct CurlLibrary {
    decltype(&curl_global_init) global_init = nullptr;
    decltype(&curl_easy_init) easy_init = nullptr;
    decltype(&curl_easy_setopt) easy_setopt = nullptr;
    decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
    decltype(&curl_easy_strerror) easy_strerror = nullptr;
    decltype(&curl_multi_init) multi_init = nullptr;
    decltype(&curl_multi_setopt) multi_setopt = nullptr;
    decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
    decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
    decltype(&curl_multi_perform) multi_perform = nullptr;
    decltype(&curl_multi_poll) multi_poll = nullptr;
    decltype(&curl_multi_info_read) multi_info_read = nullptr;
    decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
    decltype(&curl_slist_append) slist_append = nullptr;
    decltype(&curl_slist_free_all) slist_free_all = nullptr;

    // The one of the process, never unloaded. The first call comes before the process is confined: afterwards
    // no library can be loaded. Any thread.
    static Result<const CurlLibrary*> get();
};

}  // namespace ringmx::recipients
