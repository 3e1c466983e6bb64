// A plugin whose behaviour is steered while it runs, by the file `control`: a line `MODE TEXT` for
// everything, and lines `@DOMAIN MODE TEXT` for messages whose first recipient is there. No file: store.
//
//     store     keeps the message in `folder`
//     retry, reject   with the text
//     slow      keeps it, and completes it when the file no longer says slow
//     mixed     any of store, retry and reject, by chance
//
// A kept message is a file ID.PID.NUMBER, written whole and then renamed into place: its first line is the
// envelope's recipients, the rest is the content. NUMBER counts over all instances of a process.
#include <atomic>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>

#include <unistd.h>

#include "ringmx/backend.hpp"

namespace {

using namespace ringmx::plugin;

std::atomic<std::uint64_t> kept_by_all{0};

class Steered final : public Backend {
 public:
    Steered(Host host, const Options& options)
        : host_(host),
          folder_(options.get("folder", "")),
          control_(options.get("control", "")),
          durability_(static_cast<Durability>(options.number(
              "durability", RINGMX_DURABLE_REPLICATED, RINGMX_DURABLE_NONE, RINGMX_DURABLE_REPLICATED))) {}

    Durability durability() const override { return durability_; }

    void submit(std::span<const Message> messages) override {
        for (const Message& message : messages)
            play(message);
    }
    void tick() override {
        std::vector<Message> waiting;
        waiting.swap(slow_);
        for (const Message& message : waiting) {
            if (instruction(message).first == "slow") {
                slow_.push_back(message);
            } else {
                play(message);
            }
        }
    }

 private:
    std::pair<std::string, std::string> instruction(const Message& message) const {
        std::ifstream control(control_);
        std::pair<std::string, std::string> found{"store", ""};
        for (std::string line; std::getline(control, line);) {
            std::istringstream words(line);
            std::string first, mode, text;
            words >> first;
            const bool of_domain = !first.empty() && first[0] == '@';
            if (of_domain) words >> mode;
            std::getline(words >> std::ws, text);
            if (!of_domain) found = {first, text};
            if (of_domain && first.substr(1) == message.recipient(0).domain()) return {mode, text};
        }
        return found;
    }

    void play(const Message& message) {
        auto [mode, text] = instruction(message);
        if (mode == "mixed") {
            const unsigned chance = static_cast<unsigned>(random_() % 10);
            mode = chance < 7 ? "store" : chance < 9 ? "retry" : "reject";
        }
        if (mode == "slow") {
            slow_.push_back(message);
        } else if (mode == "retry") {
            host_.retry(message.token(), text);
        } else if (mode == "reject") {
            host_.reject(message.token(), text);
        } else {
            keep(message);
            host_.stored(message.token());
        }
    }

    void keep(const Message& message) {
        const std::string name = folder_ + "/" + std::string(message.id()) + "." +
                                 std::to_string(::getpid()) + "." + std::to_string(kept_by_all.fetch_add(1));
        {
            std::ofstream file(name + ".tmp", std::ios::binary);
            for (std::uint32_t i = 0; i < message.recipient_count(); ++i)
                file << message.recipient(i).forward_path << (i + 1 < message.recipient_count() ? " " : "\n");
            file << message.content();
            if (!file.flush()) std::terminate();
        }
        if (std::rename((name + ".tmp").c_str(), name.c_str()) != 0) std::terminate();
    }

    const Host host_;
    const std::string folder_, control_;
    const Durability durability_;
    std::vector<Message> slow_;
    std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace

RINGMX_BACKEND(Steered, "steered", "1.0")
