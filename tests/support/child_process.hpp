// A test body in a process of its own.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::test {

/// Runs the test body in a process of its own: limits and namespaces end with it.
inline void in_child(const std::function<void()>& body) {
    const pid_t child = ::fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
        body();
        ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "child failed, see above";
}

}  // namespace tandem::test
