#include "proxy/config/text.hpp"

#include <algorithm>

namespace tandem::config {

void Text::append(std::string_view chars, Position start) {
    if (!chars.empty()) {
        marks_.push_back({chars_.size(), start, true});
        chars_ += chars;
    }
}

void Text::append_substituted(std::string_view chars, Position place) {
    if (!chars.empty()) {
        marks_.push_back({chars_.size(), place, false});
        chars_ += chars;
    }
}

void Text::append(const Text& other, std::size_t offset, std::size_t length) {
    if (offset >= other.chars_.size()) {
        return;
    }
    length = std::min(length, other.chars_.size() - offset);
    if (length == 0) {
        return;
    }
    const auto past =
        std::upper_bound(other.marks_.begin(), other.marks_.end(), offset,
                         [](std::size_t value, const Mark& mark) { return value < mark.offset; });
    const std::size_t base = chars_.size();
    marks_.push_back({base, other.position(offset), std::prev(past)->advances});
    for (auto mark = past; mark != other.marks_.end() && mark->offset < offset + length; ++mark) {
        marks_.push_back({base + mark->offset - offset, mark->position, mark->advances});
    }
    chars_.append(other.chars_, offset, length);
}

Position Text::position(std::size_t offset) const {
    if (marks_.empty()) {
        return {};
    }
    auto mark = std::upper_bound(
        marks_.begin(), marks_.end(), offset,
        [](std::size_t value, const Mark& candidate) { return value < candidate.offset; });
    if (mark != marks_.begin()) {
        --mark;
    }
    Position result = mark->position;
    if (mark->advances && offset > mark->offset) {
        result.column += static_cast<std::uint32_t>(offset - mark->offset);
    }
    return result;
}

Text Text::trimmed() const {
    const std::size_t first = skip_blanks(chars_);
    std::size_t end = chars_.size();
    while (end > first && is_blank(chars_[end - 1])) {
        --end;
    }
    return first == 0 && end == chars_.size() ? *this : slice(first, end - first);
}

Text Text::slice(std::size_t offset, std::size_t length) const {
    Text result;
    result.append(*this, offset, length);
    return result;
}

bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

std::size_t skip_blanks(std::string_view text, std::size_t offset) {
    while (offset < text.size() && is_blank(text[offset])) {
        ++offset;
    }
    return offset;
}

std::string lower_case(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

std::size_t utf8_length(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(at);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t length = first >= 0xf0 && first <= 0xf4   ? 4
                               : first >= 0xe0 && first <= 0xef ? 3
                               : first >= 0xc2 && first <= 0xdf ? 2
                                                                : 0;
    if (length == 0 || at + length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xc0U) != 0x80) {
            return 0;
        }
    }
    // Overlong forms, surrogates and values beyond U+10FFFF are not UTF-8 either.
    const unsigned char second = byte(at + 1);
    const bool bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
    return bad ? 0 : length;
}

}  // namespace tandem::config
