// What a stream answers to a record: {"stream":"MAIL","seq":7} or {"error":{"err_code":10077,...},...}.
#pragma once

#include <string>
#include <string_view>

namespace ringmx::jetstream {

enum class Answer {
    stored,  // `duplicate` says whether it was there before
    again,   // the stream has no leader just now, or does not have the record yet: publish it once more
    failed   // `text` says why
};

struct Ack {
    Answer answer = Answer::failed;
    bool duplicate = false;
    std::string text;
};

// `stream`: whose acknowledgement counts. Anything that is not one is `failed`.
Ack parse_ack(std::string_view json, std::string_view stream);

}  // namespace ringmx::jetstream
