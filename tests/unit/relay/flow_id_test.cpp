#include "proxy/relay/flow_id.hpp"

#include "proxy/relay/access_record.hpp"

#include <set>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

TEST(FlowId, IsWrittenAndReadBack) {
    const FlowId id{3, std::uint64_t{7} << 32U | 12};
    EXPECT_EQ(to_string(id), "3-12-7");
    for (const FlowId& sample :
         {id, FlowId{}, FlowId{0xffffffff, 0xffffffffffffffff}, FlowId{0, 1}}) {
        EXPECT_EQ(parse_flow_id(to_string(sample)), sample);
    }
}

TEST(FlowId, OtherTextsAreRefused) {
    for (const char* text :
         {"", "-", "1", "1-2", "1-2-", "1-2-3-", "1-2-3-4", "1-2-3x", "1--3", "-1-2-3", " 1-2-3",
          "1- 2-3", "+1-2-3", "1-2-4294967296", "99999999999-1-1", "0x1-2-3", "1_2_3"}) {
        EXPECT_EQ(parse_flow_id(text), std::nullopt) << text;
    }
}

TEST(AccessRecord, EveryValueHasANameOfItsOwn) {
    std::set<std::string_view> names;
    for (int value = 0; value <= static_cast<int>(EndCause::ClientRate); ++value) {
        names.insert(to_string(static_cast<EndCause>(value)));
    }
    EXPECT_EQ(names.size(), static_cast<std::size_t>(EndCause::ClientRate) + 1);
    EXPECT_EQ(to_string(EndCause::ClientRate), "client_rate");
    EXPECT_EQ(to_string(EndCause::Shortage), "shortage");
    EXPECT_EQ(to_string(EndCause::Inactive), "inactive");
    EXPECT_EQ(to_string(FlowPhase::Accept), "accept");
    EXPECT_EQ(to_string(FlowPhase::Deliver), "deliver");
    EXPECT_EQ(to_string(EndedBy::Tandem), "tandem");
}

}  // namespace
}  // namespace tandem::relay
