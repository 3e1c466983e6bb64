// One core on a thread of its own, with a policy of the test's and storage that keeps nothing. At its end
// nothing may be left behind.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "client.hpp"
#include "server/core.hpp"
#include "server/listener.hpp"
#include "storage/core_host.hpp"
#include "storage/discard.hpp"

namespace ringmx::server::test {

class CoreTest : public ::testing::Test {
 protected:
    using MakeBackend = std::function<std::unique_ptr<storage::Backend>(storage::StoreSink&)>;

    void make(std::unique_ptr<policy::Policy> policy, std::size_t slab_bytes = std::size_t{4} << 20,
              MakeBackend make_backend = discard) {
        config_.server.hostname = session_.hostname = "mx.example.com";
        auto opened = ListenSockets::open({kFreePort}, 1);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        listeners_ = std::move(*opened);
        port_ = port_of(listeners_.addresses().front());
        core_ = std::make_unique<Core>(CoreOptions{
            .config = config_,
            .session = session_,
            .listeners = listeners_.of_core(0),
            .stop_listening = [this] { listeners_.close_core(0); },
            .connections_max = 200,
            .slab_bytes = slab_bytes,
            .counters = counters_,
            .log = log_,
            .policy = std::move(policy),
            .make_host = [make_backend](ring::Ring&, storage::StoreSink& sink) -> Result<CoreStorage> {
                CoreStorage made;
                made.backend = make_backend(sink);
                made.host = storage::make_core_host(*made.backend);
                return made;
            },
            .receive_limit = receive_limit_,
            .ring = ring_});
    }
    static std::unique_ptr<storage::Backend> discard(storage::StoreSink& sink) {
        return std::make_unique<storage::DiscardBackend>(sink);
    }
    void run() {
        thread_ = std::thread([this] {
            const Status prepared = core_->prepare();
            EXPECT_TRUE(prepared.ok());
            if (prepared.ok()) core_->run();
            core_->release();
        });
    }
    void stop() {
        core_->request_stop();
        if (thread_.joinable()) thread_.join();
    }
    void TearDown() override {
        stop();
        for (const admin::Counter* gauge :
             {&counters_.connections_open, &counters_.messages_in_flight, &counters_.slab_bytes_in_use}) {
            EXPECT_EQ(gauge->get(), 0u);
        }
        EXPECT_EQ(core_->cut_off(), 0);
    }
    template <typename F>
    bool comes_to(F condition) {
        using std::chrono::steady_clock;
        const auto end = steady_clock::now() + std::chrono::seconds(kPatienceSeconds);
        while (!condition()) {
            if (steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return true;
    }

    config::Config config_;
    bool receive_limit_ = false;  // a kernel that has it
    ring::RingOptions ring_;
    smtp::SessionOptions session_;
    admin::CoreCounters counters_;
    admin::CoreLog log_{admin::LogFilter::all};
    ListenSockets listeners_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Core> core_;
    std::thread thread_;
};

}  // namespace ringmx::server::test
