#include "proxy/control/connection_view.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::control {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kBody = R"({"connections":[
 {"id":"0-12-3","service":"198.51.100.100:443","client":"203.0.113.7:40112",
  "vip":"198.51.100.100:443","source":"198.51.100.100:10240","upstream":"198.51.100.21:8443",
  "age_ms":185000,"idle_ms":20,"bytes_to_upstream":517,"bytes_to_client":34603008,
  "phase":"half_closed","client_closed":true,"upstream_closed":false},
 {"id":"1-7-0","service":"198.51.100.100:443","client":"203.0.113.8:5","vip":"198.51.100.100:443",
  "source":null,"upstream":null,"age_ms":1,"idle_ms":1,"bytes_to_upstream":0,"bytes_to_client":0,
  "phase":"connect","client_closed":false,"upstream_closed":false}],"total":7})";

TEST(ConnectionView, ColumnsAreAsWideAsTheyMustBe) {
    EXPECT_EQ(
        render_connections(boost::json::parse(kBody)),
        "id      client             vip                 source                upstream            "
        "phase              age   idle  to upstream  to client\n"
        "0-12-3  203.0.113.7:40112  198.51.100.100:443  198.51.100.100:10240  198.51.100.21:8443  "
        "half_closed  3 min 5 s  20 ms        517 B   33.0 MiB\n"
        "1-7-0   203.0.113.8:5      198.51.100.100:443  -                     -                   "
        "connect           1 ms   1 ms          0 B        0 B\n"
        "and 5 more\n");
}

TEST(ConnectionView, NothingToShow) {
    EXPECT_EQ(render_connections(boost::json::parse(R"({"connections":[],"total":0})")),
              "no connections\n");
    EXPECT_EQ(render_connections(boost::json::parse(R"({"connections":[],"total":3})")),
              "and 3 more\n");
}

TEST(ConnectionView, SurvivesMissingAndStrangeFields) {
    for (const char* body : {"null", "{}", "[]", R"({"connections":[null,7,"x",{}]})",
                             R"({"connections":7,"total":-5})", R"({"total":1e300})"}) {
        EXPECT_FALSE(render_connections(boost::json::parse(body)).empty()) << body;
    }
    const std::string text = render_connections(
        boost::json::parse(R"({"connections":[{"client":"\u001b[2J"}],"total":1})"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace tandem::control
