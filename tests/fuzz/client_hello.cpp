// Reader of TLS hellos and the choice by them: no input crashes it, and what it finds does not
// depend on how the bytes are cut.
//
// Input: byte 0 is the size of the pieces, zero for one; the rest is the beginning of a connection.
#include "proxy/relay/client_hello.hpp"

#include "proxy/relay/name_router.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

namespace {

using namespace tandem::relay;
using Verdict = ClientHelloReader::Verdict;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

Verdict read(ClientHelloReader& reader, std::span<const std::byte> stream, std::size_t step) {
    Verdict verdict = Verdict::NeedMore;
    for (std::size_t size = 0; verdict == Verdict::NeedMore && size < stream.size();) {
        size = std::min(size + step, stream.size());
        verdict = reader.read(stream.first(size));
        require(verdict != Verdict::NeedMore || size <= kMaxClientHello);
    }
    return verdict;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    const auto stream = std::as_bytes(std::span(data + 1, size - 1));
    ClientHelloReader at_once;
    ClientHelloReader in_pieces;
    const Verdict verdict = read(at_once, stream, stream.size());
    require(read(in_pieces, stream, data[0] == 0 ? 1 : data[0]) == verdict);
    const ClientHello& hello = at_once.hello();
    require(hello.server_name == in_pieces.hello().server_name);
    require(hello.protocols == in_pieces.hello().protocols);
    require(hello.server_name.size() <= 255);
    require(verdict == Verdict::Complete || (hello.server_name.empty() && hello.protocols.empty()));
    const NameRouter router{{{{"*.example.com"}, {}}, {{}, {"h2"}}, {{}, {}}}};
    const auto excluded = router.excluded(hello);
    require(excluded && excluded->size() < 3);
    return 0;
}
