#include "ack.hpp"

#include <nlohmann/json.hpp>

namespace ringmx::jetstream {
namespace {

// Codes of the JetStream API (nats/status.h) that mean: the cluster is electing, ask again.
constexpr int cluster_not_available = 10008;
constexpr int cluster_not_leader = 10009;

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
    if (number == cluster_not_available || number == cluster_not_leader) ack.answer = Answer::again;
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
    const auto duplicate = parsed.find("duplicate");
    return {
        Answer::stored, duplicate != parsed.end() && duplicate->is_boolean() && duplicate->get<bool>(), {}};
}

}  // namespace ringmx::jetstream
