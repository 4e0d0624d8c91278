#include "proxy/daemon/messages.hpp"

#include <cctype>
#include <set>

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

TEST(Messages, IdsAreUniqueAndWellFormed) {
    std::set<std::string_view> seen;
    for (const Message& message : messages::kAll) {
        EXPECT_TRUE(seen.insert(message.id).second) << message.id;
        for (const char character : message.id) {
            EXPECT_TRUE(std::isupper(static_cast<unsigned char>(character)) != 0 ||
                        character == '_')
                << message.id;
        }
        EXPECT_FALSE(message.text.empty()) << message.id;
    }
}

TEST(Messages, AnErrorSaysWhatToDo) {
    for (const Message& message : messages::kAll) {
        if (message.level == Level::Error) {
            EXPECT_FALSE(message.advice.empty()) << message.id;
        }
    }
}

TEST(Messages, KeepalivedsPhrasesAreKept) {
    EXPECT_EQ(messages::kEnteringActive.text, "({instance}) Entering MASTER STATE");
    EXPECT_EQ(messages::kEnteringBackup.text, "({instance}) Entering BACKUP STATE");
    EXPECT_EQ(messages::kEnteringFault.text, "({instance}) Entering FAULT STATE");
    EXPECT_EQ(messages::kSentPriorityZero.text, "({instance}) sent 0 priority");
    EXPECT_EQ(messages::kReceiveTimeout.text, "({instance}) Receive advertisement timeout");
}

}  // namespace
}  // namespace tandem::daemon
