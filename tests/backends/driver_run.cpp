#include "driver_run.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <queue>

namespace driver {
namespace {

using Clock = std::chrono::steady_clock;

class Run {
 public:
    Run(const ringmx_backend& backend, ringmx_instance& instance, DriverHost& host, std::vector<Job>& jobs,
        const RunOptions& options)
        : backend_(backend), instance_(instance), host_(host), jobs_(jobs), options_(options) {
        for (std::size_t job = 0; job < jobs.size(); ++job)
            due_.push({start_, job});
        if (instance.in_flight_max != 0)
            options_.in_flight = std::min<std::size_t>(options_.in_flight, instance.in_flight_max);
    }

    bool all() {
        while (done_ < jobs_.size() && Clock::now() - start_ < options_.deadline) {
            while (submit_batch()) {
            }
            if (Clock::now() >= next_tick_) {
                if (backend_.tick != nullptr) backend_.tick(instance_.self);
                next_tick_ = Clock::now() + std::chrono::milliseconds(250);
            }
            for (const Completed& completed : host_.take(std::chrono::milliseconds(20)))
                finish(completed);
        }
        if (backend_.close != nullptr) backend_.close(instance_.self);
        for (const Completed& completed : host_.take(std::chrono::milliseconds(0)))
            finish(completed);
        for (const auto& [token, flight] : in_flight_)
            print_line({"unfinished", jobs_[flight.job].id_text, jobs_[flight.job].file.filename().string()});
        host_.print_counters();
        print_line({"stat", "submit_us_max", std::to_string(submit_max_.count())});
        return done_ == jobs_.size() && !false_;
    }

 private:
    struct Due {
        Clock::time_point at;
        std::size_t job;
        bool operator>(const Due& other) const { return std::pair(at, job) > std::pair(other.at, other.job); }
    };
    struct Flight {
        std::size_t job;
        std::unique_ptr<Submission> submission;
    };

    bool submit_batch() {
        std::vector<const ringmx_message*> batch;
        while (batch.size() < options_.batch && in_flight_.size() < options_.in_flight && !due_.empty() &&
               due_.top().at <= Clock::now()) {
            const std::size_t job = due_.top().job;
            due_.pop();
            ++jobs_[job].attempts;
            const std::uint64_t token = ++last_token_;
            auto submission = std::make_unique<Submission>(jobs_[job], token, options_.span_octets);
            batch.push_back(submission->raw());
            in_flight_.emplace(token, Flight{job, std::move(submission)});
        }
        if (batch.empty()) return false;
        const auto before = Clock::now();
        backend_.submit(instance_.self, batch.data(), batch.size());
        submit_max_ = std::max(submit_max_,
                               std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before));
        if (backend_.flush != nullptr) backend_.flush(instance_.self);
        return true;
    }

    void finish(const Completed& completed) {
        const auto flight = in_flight_.find(completed.token);
        if (flight == in_flight_.end()) {
            false_ = true;
            print_line({"false", std::to_string(completed.token), status_name(completed.status)});
            return;
        }
        const std::size_t index = flight->second.job;
        const Job& job = jobs_[index];
        in_flight_.erase(flight);
        print_line({"done", job.id_text, job.file.filename().string(), status_name(completed.status),
                    std::to_string(job.attempts), completed.text});
        if (completed.status != RINGMX_RETRY || !options_.retry) {
            ++done_;
            return;
        }
        const auto backoff = std::min(std::chrono::milliseconds(50) * (1u << std::min(job.attempts, 10u)),
                                      options_.backoff_max);
        due_.push({Clock::now() + backoff, index});
    }

    const ringmx_backend& backend_;
    ringmx_instance& instance_;
    DriverHost& host_;
    std::vector<Job>& jobs_;
    RunOptions options_;
    const Clock::time_point start_ = Clock::now();
    Clock::time_point next_tick_ = start_;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
    std::map<std::uint64_t, Flight> in_flight_;
    std::uint64_t last_token_ = 0;
    std::size_t done_ = 0;
    bool false_ = false;
    std::chrono::microseconds submit_max_{0};
};

}  // namespace

bool run(const ringmx_backend& backend, ringmx_instance& instance, DriverHost& host, std::vector<Job>& jobs,
         const RunOptions& options) {
    return Run(backend, instance, host, jobs, options).all();
}

}  // namespace driver
