// Puts the answers of all workers together.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace tandem::relay {

/// Each of `count` threads add()s one part; the last one gets `done(sum)` called.
template <class Sum>
class Collector {
  public:
    using Add = std::function<void(Sum&, Sum)>;
    using Done = std::function<void(Sum)>;

    Collector(std::size_t count, Add add, Done done)
        : left_(count), add_(std::move(add)), done_(std::move(done)) {}

    void add(Sum part) {
        {
            const std::lock_guard lock{mutex_};
            add_(sum_, std::move(part));
            if (--left_ > 0) {
                return;
            }
        }
        done_(std::move(sum_));
    }

  private:
    std::mutex mutex_;
    std::size_t left_;
    Sum sum_;
    const Add add_;
    const Done done_;
};

template <class Sum>
std::shared_ptr<Collector<Sum>> make_collector(std::size_t count, typename Collector<Sum>::Add add,
                                               typename Collector<Sum>::Done done) {
    return std::make_shared<Collector<Sum>>(count, std::move(add), std::move(done));
}

}  // namespace tandem::relay
