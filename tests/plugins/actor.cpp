// A plugin that plays the part that its option `mode` names; `gate` is a file whose appearance lets it go on.
//
//     store     appends "ID OCTETS CONTENT-BEGIN" to `file`, completes within submit()
//     retry, reject   with `text`
//     twice     completes twice
//     never     does not complete, neither in close()
//     late      completes from a thread of its own, once the gate is there
//     execute   starts a program
//     reach     rejects with what a confined server must not do: "file ERRNO, socket ERRNO, code ERRNO"
//     sleep     sleeps in submit() until the gate is there, then stores
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ringmx/backend.hpp"

namespace {

using namespace ringmx::plugin;

class Actor final : public Backend {
 public:
    Actor(Host host, const Options& options)
        : host_(host),
          mode_(options.get("mode", "store")),
          gate_(options.get("gate", "")),
          text_(options.get("text", "")),
          durability_(static_cast<Durability>(options.number(
              "durability", RINGMX_DURABLE_MACHINE, RINGMX_DURABLE_NONE, RINGMX_DURABLE_REPLICATED))),
          in_flight_max_(static_cast<std::uint32_t>(options.number("in_flight_max", 0, 0, 1000000))),
          octets_(host.counter("octets")) {
        if (const auto file = options.find("file")) file_.open(*file, std::ios::app | std::ios::binary);
        for (const std::string& line : options.all("say"))
            host.log(RINGMX_LOG_INFO, line);
        if (mode_ == "late") thread_ = std::thread([this] { complete_late(); });
    }
    ~Actor() override {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }

    Durability durability() const override { return durability_; }
    std::uint32_t in_flight_max() const override { return in_flight_max_; }

    void submit(std::span<const Message> messages) override {
        if (mode_ == "sleep") wait_for_gate();
        for (const Message& message : messages)
            play(message);
        file_.flush();
    }

 private:
    void play(const Message& message) {
        host_.count(octets_, message.octets());
        if (mode_ == "never") return;
        if (mode_ == "late") {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(message);
            return;
        }
        if (mode_ == "execute") execl("/bin/true", "true", nullptr);
        if (mode_ == "reach") return host_.reject(message.token(), reach());
        if (mode_ == "retry") return host_.retry(message.token(), text_);
        if (mode_ == "reject") return host_.reject(message.token(), text_);
        if (file_.is_open()) {
            file_ << message.id() << ' ' << message.octets() << '\n';
            for (const ringmx_bytes& span : message.spans())
                file_.write(span.data, static_cast<std::streamsize>(span.size));
        }
        const std::uint64_t token = message.token();
        host_.stored(token);
        if (mode_ == "twice") host_.reject(token, "a second thought");
    }

    // `gate` names the file.
    std::string reach() const {
        const auto outcome = [](long result) { return std::to_string(result < 0 ? errno : 0); };
        const std::string file = outcome(open(gate_.c_str(), O_RDONLY | O_CLOEXEC));
        const std::string socket = outcome(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
        void* const code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return "file " + file + ", socket " + socket + ", code " + outcome(code == MAP_FAILED ? -1 : 0);
    }

    bool gate_is_open() const { return access(gate_.c_str(), F_OK) == 0; }
    void wait_for_gate() const {
        while (!gate_is_open())
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }

    void complete_late() {
        while (!stop_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            if (!gate_is_open()) continue;
            std::vector<Message> now;
            {
                const std::lock_guard lock(mutex_);
                now.swap(waiting_);
            }
            for (const Message& message : now) {
                if (message.content().size() != message.octets()) std::terminate();  // valid until now
                host_.stored(message.token());
            }
        }
    }

    const Host host_;
    const std::string mode_, gate_, text_;
    const Durability durability_;
    const std::uint32_t in_flight_max_;
    ringmx_counter* const octets_;
    std::ofstream file_;
    std::mutex mutex_;
    std::vector<Message> waiting_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace

RINGMX_BACKEND(Actor, "actor", "1.0")
