// Text that may be looked at only so often: the time of a search in it has a bound. Pure.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>

namespace tandem::relay {

/// Thrown by a CountedText when its budget is used up.
class TooManySteps : public std::runtime_error {
  public:
    TooManySteps() : std::runtime_error("too many steps") {}
};

/// A position in a text. Looking at a character and moving take a step each from a budget that all
/// copies share, which outlives them.
///
/// Boost.Regex has a bound of its own, but it grows with the square of the expression's length: 120
/// characters and a body of 64 KiB made for that purpose take it 14 s.
class CountedText {
  public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountedText() = default;
    CountedText(const char* at, std::uint64_t& budget) : at_(at), budget_(&budget) {}

    reference operator*() const {
        spend();
        return *at_;
    }
    reference operator[](difference_type offset) const { return *(*this + offset); }
    CountedText& operator+=(difference_type offset) {
        spend();
        at_ += offset;
        return *this;
    }
    CountedText& operator-=(difference_type offset) { return *this += -offset; }
    CountedText& operator++() { return *this += 1; }
    CountedText& operator--() { return *this += -1; }
    CountedText operator++(int) {
        const CountedText before = *this;
        ++*this;
        return before;
    }
    CountedText operator--(int) {
        const CountedText before = *this;
        --*this;
        return before;
    }
    friend CountedText operator+(CountedText text, difference_type offset) {
        return text += offset;
    }
    friend CountedText operator+(difference_type offset, CountedText text) {
        return text += offset;
    }
    friend CountedText operator-(CountedText text, difference_type offset) {
        return text -= offset;
    }
    friend difference_type operator-(const CountedText& left, const CountedText& right) {
        return left.at_ - right.at_;
    }
    friend bool operator==(const CountedText& left, const CountedText& right) {
        return left.at_ == right.at_;
    }
    friend auto operator<=>(const CountedText& left, const CountedText& right) {
        return left.at_ <=> right.at_;
    }

  private:
    void spend() const {
        if (*budget_ == 0) {
            throw TooManySteps{};
        }
        --*budget_;
    }

    const char* at_ = nullptr;
    std::uint64_t* budget_ = nullptr;
};

}  // namespace tandem::relay
