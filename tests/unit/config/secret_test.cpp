// Where a line holds a secret.
#include "proxy/config/secret.hpp"

#include "tests/unit/config/memory_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(FindSecret, SeesEveryForm) {
    for (const std::string line :
         {"auth_pass x", "authentication { auth_type PASS auth_pass x }", "auth_pass \"x\"",
          "@node1 auth_pass x", "key 1 hex:00", "auth_hmac { key 255 x }", "password x",
          "$PASSWORD=x", "$vrrp_pass=x", "$A_SECRET= x", "~SEQ(i,1,2) auth_pass x"}) {
        EXPECT_TRUE(find_secret(line)) << line;
    }
    EXPECT_EQ(find_secret("{auth_pass x"), 1U);
}

TEST(FindSecret, SeesNoneWhereNoneIs) {
    for (const std::string line :
         {"", "auth_pass", "auth_pass $PASS", "auth_pass ${PASS}", "key 1 file:/etc/key",
          "key 1 $KEY", "key /etc/x.pem", "key 1", "password", "$PASSWORD=", "$PASSWORD=$OTHER",
          "$NAME=x", "auth_type PASS", "secret_file /etc/secret", "$", "="}) {
        EXPECT_FALSE(find_secret(line)) << line;
    }
}

TEST(ExposedFiles, AreToldWhenTheyHoldASecret) {
    MemoryEnvironment environment;
    environment.exposed.insert(kMainFile);
    environment.files[kMainFile] =
        "vrrp_instance A {\n authentication {\n auth_pass geheim\n}\n}\n";
    const std::string said = messages(load_main(environment));
    EXPECT_THAT(said, HasSubstr("/etc/tandem.conf:3:2: warning: /etc/tandem.conf holds a secret "
                                "and has mode 0644: others than its owner can read it (chmod 600 "
                                "/etc/tandem.conf)"));
    EXPECT_THAT(said, Not(HasSubstr("geheim")));

    environment.files[kMainFile] = "vrrp_instance A {\n}\n";
    EXPECT_THAT(messages(load_main(environment)), Not(HasSubstr("holds a secret")));
    environment.exposed.clear();
    environment.files[kMainFile] = "vrrp_instance A {\n authentication {\n auth_pass x\n}\n}\n";
    EXPECT_THAT(messages(load_main(environment)), Not(HasSubstr("holds a secret")));
}

}  // namespace
}  // namespace tandem::config::test
