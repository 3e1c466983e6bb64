#include "ack.hpp"

#include <cstdint>

#include <nlohmann/json.hpp>

namespace ringmx::jetstream {
namespace {

// Codes of the JetStream API that mean: the cluster is electing, or has this record under way: ask again.
constexpr int cluster_not_available = 10008;
constexpr int cluster_not_leader = 10009;
constexpr int duplicate_in_process = 10158;

Ack failure(std::string text) {
    return {Answer::failed, false, std::move(text)};
}

Ack error_of(const nlohmann::json& error) {
    if (!error.is_object()) return failure("an answer that is not understood");
    const auto code = error.find("err_code");
    const auto text = error.find("description");
    Ack ack = failure(text != error.end() && text->is_string() ? text->get<std::string>() : "unknown error");
    if (code == error.end() || !code->is_number_integer()) return ack;
    const int number = code->get<int>();
    if (number == cluster_not_available || number == cluster_not_leader || number == duplicate_in_process)
        ack.answer = Answer::again;
    ack.text += " (" + std::to_string(number) + ")";
    return ack;
}

}  // namespace

Ack parse_ack(std::string_view json, std::string_view stream) {
    const auto parsed = nlohmann::json::parse(json, nullptr, false);
    if (!parsed.is_object()) return failure("an answer that is not understood");
    if (const auto error = parsed.find("error"); error != parsed.end()) return error_of(*error);
    const auto name = parsed.find("stream");
    const auto sequence = parsed.find("seq");
    if (name == parsed.end() || !name->is_string() || sequence == parsed.end() ||
        !sequence->is_number_unsigned()) {
        return failure("an answer that is not understood");
    }
    if (name->get<std::string>() != stream)
        return failure("another stream answered: " + name->get<std::string>());
    // Servers from 2.10 on know the id of a record before a majority has it, and some call it a duplicate
    // then: of sequence 0, for it has none. If the leader dies now, it is lost.
    if (sequence->get<std::uint64_t>() == 0)
        return {Answer::again, false, "the stream has a record under way, not stored"};
    const auto duplicate = parsed.find("duplicate");
    return {
        Answer::stored, duplicate != parsed.end() && duplicate->is_boolean() && duplicate->get<bool>(), {}};
}

}  // namespace ringmx::jetstream
