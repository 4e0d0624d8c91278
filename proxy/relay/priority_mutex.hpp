// A mutex that a real-time thread may wait for: who holds it runs with the waiter's priority.
#pragma once

#include <pthread.h>

namespace tandem::relay {

/// For std::lock_guard. PTHREAD_PRIO_INHERIT: without it an ordinary thread that was preempted
/// while it held the mutex would keep the election waiting for as long as the scheduler likes.
class PriorityMutex {
  public:
    PriorityMutex() {
        pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
        ::pthread_mutex_init(&mutex_, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
    ~PriorityMutex() { ::pthread_mutex_destroy(&mutex_); }
    PriorityMutex(const PriorityMutex&) = delete;
    PriorityMutex& operator=(const PriorityMutex&) = delete;
    void lock() { ::pthread_mutex_lock(&mutex_); }
    void unlock() { ::pthread_mutex_unlock(&mutex_); }

  private:
    pthread_mutex_t mutex_;
};

}  // namespace tandem::relay
