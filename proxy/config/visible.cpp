#include "proxy/config/visible.hpp"

#include "proxy/config/text.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace tandem::config {
namespace {

/// Both ends included.
struct CodeRange {
    char32_t first;
    char32_t last;
};

/// Controls, direction, invisible ones, and blanks that only look like ours.
constexpr std::array<CodeRange, 16> kEscaped{{{0x00, 0x1f},
                                              {0x7f, 0xa0},
                                              {0xad, 0xad},
                                              {0x34f, 0x34f},
                                              {0x61c, 0x61c},
                                              {0x115f, 0x1160},
                                              {0x180e, 0x180e},
                                              {0x2000, 0x200f},
                                              {0x2028, 0x202f},
                                              {0x205f, 0x206f},
                                              {0x3000, 0x3000},
                                              {0x3164, 0x3164},
                                              {0xfeff, 0xfeff},
                                              {0xfff0, 0xfffb},
                                              {0x1d173, 0x1d17a},
                                              {0xe0000, 0x10ffff}}};

/// Marks that stand on the character in front.
constexpr std::array<CodeRange, 29> kCombining{
    {{0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x5bf, 0x5bf},   {0x5c1, 0x5c2},
     {0x5c4, 0x5c5},   {0x610, 0x61a},   {0x64b, 0x65f},   {0x670, 0x670},   {0x6d6, 0x6dc},
     {0x6df, 0x6e4},   {0x6e7, 0x6e8},   {0x6ea, 0x6ed},   {0x730, 0x74a},   {0x8d3, 0x8ff},
     {0x900, 0x902},   {0x93c, 0x93c},   {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},
     {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1161, 0x11ff}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
     {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}}};

/// Unicode's East Asian Width W and F, by block.
constexpr std::array<CodeRange, 24> kWide{
    {{0x1100, 0x115e}, {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},  {0x2648, 0x2653},
     {0x26a1, 0x26a1}, {0x26d4, 0x26d4},   {0x2705, 0x2705},   {0x274c, 0x274c},  {0x2753, 0x2757},
     {0x2795, 0x2797}, {0x2b50, 0x2b50},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},  {0xa960, 0xa97c},
     {0xac00, 0xd7a3}, {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},  {0xff01, 0xff60},
     {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1faff}, {0x20000, 0x3fffd}}};

bool is_in(std::span<const CodeRange> ranges, char32_t code) {
    const auto behind = std::ranges::upper_bound(ranges, code, {}, &CodeRange::first);
    return behind != ranges.begin() && code <= std::prev(behind)->last;
}

char32_t decode(std::string_view character) {
    const auto byte = [&](std::size_t i) {
        return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
    };
    if (character.size() == 1) {
        return byte(0);
    }
    char32_t code = byte(0) & (0x7fU >> character.size());
    for (std::size_t i = 1; i < character.size(); ++i) {
        code = code << 6U | (byte(i) & 0x3fU);
    }
    return code;
}

std::string escaped(char32_t code, bool byte) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string digits;
    for (char32_t rest = code; rest != 0 || digits.size() < (byte ? 2 : 4); rest >>= 4U) {
        digits.insert(digits.begin(), kHex[rest & 0xfU]);
    }
    if (byte) {
        return "\\x" + digits;
    }
    return digits.size() > 4 ? "\\U" + std::string(8 - digits.size(), '0') + digits
                             : "\\u" + digits;
}

}  // namespace

std::size_t character_length(std::string_view text, std::size_t at) {
    return std::max<std::size_t>(1, utf8_length(text, at));
}

VisibleCharacter visible_character(std::string_view character) {
    if (character == "\t") {
        return {" ", 1};
    }
    const char32_t code = decode(character);
    // Controls of ASCII, and what is no UTF-8.
    const bool byte = character.size() == 1;
    if ((byte && code >= 0x80) || is_in(kEscaped, code)) {
        std::string text = escaped(code, byte);
        const std::size_t width = text.size();
        return {std::move(text), width};
    }
    const std::size_t width = is_in(kCombining, code) ? 0 : is_in(kWide, code) ? 2 : 1;
    return {std::string(character), width};
}

std::string visible(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = character_length(text, at);
        result += visible_character(text.substr(at, length)).text;
        at += length;
    }
    return result;
}

}  // namespace tandem::config
