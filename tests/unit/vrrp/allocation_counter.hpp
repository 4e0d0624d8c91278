// Replaces the program's operator new by one that counts.
#pragma once

#include <cstddef>

namespace tandem {

/// Calls of operator new so far, by every thread; new[] and the nothrow forms come to it as well.
std::size_t allocations();

}  // namespace tandem
