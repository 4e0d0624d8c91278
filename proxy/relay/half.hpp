// One direction of a flow: what to do next with one source, one buffer and one sink. Pure.
//
// Invariant I4: bytes leave in the order they came; the source's FIN leaves after its last byte;
// a reset source never leaves as a FIN.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::relay {

/// Drive it: report readiness edges (source_ready, sink_ready, …), then, as long as next() is not
/// Nothing, do that one system call and report its result. The memory belongs to the caller:
/// Half keeps the positions in it.
///
/// Bytes are carried through a buffer, or, when they come in large amounts, through a pipe inside
/// the kernel (splice): wants_pipe() tells, whenever nothing is pending.
///
/// Back-pressure: with a full buffer next() is never Read, whatever the source reports; the
/// readiness is remembered, because an edge is told only once.
class Half {
  public:
    enum class Step : std::uint8_t {
        /// Wait for an event, or the direction has ended.
        Nothing,
        /// Read up to room() bytes to offset end(), or into the pipe. With capacity() zero, first
        /// get a buffer of wanted_capacity() and call set_capacity(), or a pipe and set_pipe().
        Read,
        /// Write pending() bytes from offset begin(), or from the pipe.
        Write,
        /// Pass the FIN on.
        Shutdown,
    };

    // The sizes a buffer can have: it grows while reads fill it.
    static constexpr std::size_t kSmallest = std::size_t{16} * 1024;
    static constexpr std::size_t kLargest = std::size_t{256} * 1024;
    static constexpr std::size_t kGrowth = 4;

    /// Reads of at least kLargeRead in a row that make a pipe worth its system calls, and reads of
    /// less in a row that end that.
    static constexpr std::size_t kLargeRead = std::size_t{64} * 1024;
    static constexpr unsigned kReadsToSwitch = 4;

    // Readiness.
    void source_ready() { source_ready_ = true; }
    /// The FIN was announced: a short read does not prove the queue empty any more.
    void source_hangup() {
        source_ready_ = true;
        probe_after_short_read_ = true;
    }
    /// Urgent data: a read ends before it, and splice() never gets past it.
    void source_urgent() {
        source_hangup();
        pipe_allowed_ = false;
    }
    /// The source was reset. What is still readable is passed on, its end is not a FIN.
    void source_reset() {
        source_ready_ = true;
        probe_after_short_read_ = true;
        reset_ = true;
    }
    void sink_ready() { sink_ready_ = true; }
    /// Another socket takes the place of the source or the sink. @pre nothing was read yet.
    void replace_source();
    void replace_sink() { sink_ready_ = false; }
    /// Nothing is read until resume(), whatever the source has; what was read goes on.
    void pause() { paused_ = true; }
    void resume() { paused_ = false; }
    /// The owner has read for itself; `short_read`: less than it asked for.
    void on_preread(bool short_read) {
        source_ready_ = source_ready_ && (!short_read || probe_after_short_read_);
    }
    /// The smallest of the sizes that holds so many bytes, or the largest.
    static constexpr std::size_t capacity_for(std::size_t bytes) {
        std::size_t capacity = kSmallest;
        while (capacity < bytes && capacity < kLargest) {
            capacity *= kGrowth;
        }
        return capacity;
    }
    /// Bytes that the owner has put at the buffer's begin are written before what the source gives.
    /// @pre pending() == 0 and bytes <= capacity()
    void preload(std::size_t bytes) { end_ = static_cast<std::uint32_t>(bytes); }
    /// The sink is gone: the direction does nothing any more, buffered bytes are dropped.
    void abandon();

    [[nodiscard]] Step next() const;

    // Results.
    /// @param asked at most room(): fewer bytes than that prove the source empty.
    void on_read(std::size_t bytes, std::size_t asked);
    void on_read(std::size_t bytes) { on_read(bytes, room()); }
    /// recv() returned zero.
    void on_end_of_source();
    /// EAGAIN. From a pipe that holds something it can mean that this is full.
    void on_read_blocked();
    void on_written(std::size_t bytes);
    void on_write_blocked() { sink_ready_ = false; }
    void on_shutdown() { state_ = State::Finished; }

    // The buffer.
    [[nodiscard]] std::size_t begin() const { return begin_; }
    [[nodiscard]] std::size_t end() const { return end_; }
    [[nodiscard]] std::size_t pending() const { return std::size_t{end_} - begin_; }
    [[nodiscard]] std::size_t room() const { return std::size_t{capacity_} - end_; }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }
    [[nodiscard]] std::size_t wanted_capacity() const { return wanted_; }
    /// @pre pending() == 0. Zero: the buffer or the pipe was given back.
    void set_capacity(std::size_t capacity);

    // The pipe.
    [[nodiscard]] bool wants_pipe() const { return streaming_ && pipe_allowed_; }
    [[nodiscard]] bool uses_pipe() const { return slots_ != 0; }
    /// @pre pending() == 0.
    /// @param slots buffers of the pipe: it can be full with fewer bytes than its capacity, for
    /// each holds one piece of one segment.
    void set_pipe(std::size_t capacity, std::size_t slots);
    /// There is none, or it does not work: goes on with buffers, for a while or for good.
    void pipe_unavailable() { streaming_ = false; }
    void refuse_pipe() { pipe_allowed_ = false; }

    /// What is pending is the last, and a FIN follows it: they can share a packet.
    [[nodiscard]] bool ends_with_fin() const { return state_ == State::SourceEnded && !reset_; }
    /// Reading may bring something, whether or not the sink takes anything.
    [[nodiscard]] bool is_readable() const { return source_ready_ && state_ == State::Open; }
    /// The FIN was passed on.
    [[nodiscard]] bool finished() const { return state_ == State::Finished; }
    [[nodiscard]] bool was_reset() const { return reset_; }
    /// Reset, and nothing of what can be read is left to be passed on.
    [[nodiscard]] bool is_exhausted() const {
        return reset_ && !paused_ && next() == Step::Nothing;
    }

  private:
    enum class State : std::uint8_t { Open, SourceEnded, Finished, Abandoned };

    void learn_from_read(std::size_t bytes, std::size_t asked);

    // No buffer or pipe has 4 GiB.
    std::uint32_t begin_ = 0;
    std::uint32_t end_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint32_t wanted_ = kSmallest;
    /// Of the pipe; zero: none is used.
    std::uint32_t slots_ = 0;
    /// Reads in a row that speak against what is.
    std::uint8_t reads_against_ = 0;
    State state_ = State::Open;
    bool streaming_ = false;
    bool pipe_allowed_ = true;
    bool pipe_full_ = false;
    bool source_ready_ = false;
    bool sink_ready_ = false;
    bool probe_after_short_read_ = false;
    bool reset_ = false;
    bool paused_ = false;
};

}  // namespace tandem::relay
