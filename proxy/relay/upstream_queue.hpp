// The connections of one service that wait for a place at an upstream: how many, and whom to wake.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace tandem::relay {

/// Shared by the workers, each of which keeps its own connections in the order they came; there is
/// no order between workers. Thread-safe, no lock.
///
/// A connection that found every upstream full calls enter() and then tries once more: a place that
/// is given back after that second try wakes its worker.
class UpstreamQueue {
  public:
    /// @param limit connections that may wait, over all workers.
    /// @param wake called from any thread with the index of a worker that is to call woken() and
    /// try its connections.
    UpstreamQueue(unsigned limit, std::size_t workers, std::function<void(std::size_t)> wake)
        : limit_(limit), waiting_(workers), woken_(workers), wake_(std::move(wake)) {}

    /// Who waits goes on waiting, also above the bound.
    void set_limit(unsigned limit) { limit_.store(limit); }
    /// False: as many wait as may.
    [[nodiscard]] bool enter(std::size_t worker);
    void leave(std::size_t worker);
    [[nodiscard]] unsigned size() const { return size_.load(std::memory_order_relaxed); }

    /// A place at an upstream is free: wakes one worker with connections that wait.
    void place_free();
    /// The worker that was woken for a place has no use for it, while others wait elsewhere. Wakes
    /// another worker: as often for one place as there are others, so that workers whose
    /// connections cannot use it do not keep each other busy.
    void pass_on(std::size_t worker);
    /// More may be free, or nothing ever again: wakes all of them.
    void upstreams_changed();
    /// First thing a worker does that was woken: what comes from now on wakes it again.
    void woken(std::size_t worker) { woken_[worker].store(false); }
    /// The worker has tried some of its connections and wants to go on in a later turn.
    void wake(std::size_t worker);

  private:
    std::atomic<unsigned> limit_;
    std::atomic<unsigned> size_{0};
    /// By worker.
    std::vector<std::atomic<unsigned>> waiting_;
    std::vector<std::atomic<bool>> woken_;
    /// How often the last place may still be passed on.
    std::atomic<std::size_t> hops_{0};
    /// Whose turn it is.
    std::atomic<std::size_t> next_{0};
    std::function<void(std::size_t)> wake_;
};

}  // namespace tandem::relay
