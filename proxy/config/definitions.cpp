#include "proxy/config/definitions.hpp"

#include <charconv>
#include <utility>

namespace tandem::config {
namespace {

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/// Takes the next word off `text`; empty at the end.
std::string_view next_word(std::string_view& text) {
    const std::size_t start = skip_blanks(text);
    std::size_t end = start;
    while (end < text.size() && !is_blank(text[end])) {
        ++end;
    }
    const std::string_view word = text.substr(start, end - start);
    text.remove_prefix(end);
    return word;
}

}  // namespace

bool ExpansionBudget::spend(std::size_t bytes, Position at) {
    if (exhausted_) {
        return false;
    }
    bytes_ += bytes;
    ++steps_;
    if (bytes_ <= kMaxBytes && steps_ <= kMaxSteps) {
        return true;
    }
    exhausted_ = true;
    reporter_.error(at,
                    "definitions and sequences expand to more than " +
                        std::to_string(kMaxBytes >> 20U) + " MiB or " + std::to_string(kMaxSteps) +
                        " steps; everything from here on is ignored",
                    "look for a definition that multiplies itself");
    return false;
}

Definitions::Definitions(Environment& environment, Reporter& reporter, ExpansionBudget& budget,
                         std::string instance)
    : environment_(environment),
      reporter_(reporter),
      budget_(budget),
      instance_(std::move(instance)) {
    // The same numbers at every load on one host, so that a reload changes nothing by itself.
    for (const char c : instance_) {
        random_state_ = random_state_ * 31 + static_cast<unsigned char>(c);
    }
}

void Definitions::set(const std::string& name, std::string value) {
    values_[name] = std::move(value);
}

void Definitions::unset(const std::string& name) {
    values_.erase(name);
}

std::optional<std::string> Definitions::get(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
}

Text Definitions::substitute(const Text& text) {
    const std::string& chars = text.chars();
    Text out;
    std::size_t copied = 0;
    for (std::size_t i = chars.find('$'); i != std::string::npos; i = chars.find('$', i)) {
        const Reference found = reference(chars, i);
        if (found.length == 0) {
            ++i;
            continue;
        }
        out.append(text, copied, i - copied);
        const Position at = text.position(i);
        if (found.literal) {
            out.append_substituted(found.value, at);
        } else {
            substitute(found.value, at, 1, out);
        }
        i += found.length;
        copied = i;
    }
    if (copied == 0) {
        return text;
    }
    out.append(text, copied, std::string::npos);
    return out;
}

void Definitions::substitute(std::string_view text, Position at, unsigned depth, Text& out) {
    if (!budget_.spend(text.size(), at)) {
        return;
    }
    if (depth > kMaxDepth) {
        reporter_.error(
            at, "definitions refer to each other more than " + std::to_string(kMaxDepth) + " deep",
            "a definition must not use itself");
        return;
    }
    std::size_t copied = 0;
    for (std::size_t i = text.find('$'); i != std::string::npos && !budget_.exhausted();
         i = text.find('$', i)) {
        const Reference found = reference(text, i);
        if (found.length == 0) {
            ++i;
            continue;
        }
        out.append_substituted(text.substr(copied, i - copied), at);
        if (found.literal) {
            out.append_substituted(found.value, at);
        } else {
            substitute(found.value, at, depth + 1, out);
        }
        i += found.length;
        copied = i;
    }
    out.append_substituted(text.substr(copied), at);
}

Definitions::Reference Definitions::reference(std::string_view text, std::size_t at) {
    std::string_view expression;
    std::size_t length = 0;
    if (at + 1 < text.size() && text[at + 1] == '{') {
        // A longer expression is not one of ours; the limit keeps the search linear.
        constexpr std::size_t kLongestExpression = 256;
        const std::size_t end = text.substr(at, kLongestExpression).find('}');
        if (end == std::string_view::npos) {
            return {};
        }
        expression = text.substr(at + 2, end - 2);
        length = end + 1;
    } else {
        const std::size_t name = name_length(text, at + 1);
        const std::size_t after = at + 1 + name;
        if (name == 0 || (after < text.size() && !is_blank(text[after]) && text[after] != ',' &&
                          text[after] != ')')) {
            return {};
        }
        expression = text.substr(at + 1, name);
        length = name + 1;
    }
    if (const auto found = values_.find(std::string(expression)); found != values_.end()) {
        return {length, found->second, false};
    }
    if (auto value = predefined(expression)) {
        return {length, *std::move(value), true};
    }
    return {};
}

std::optional<std::string> Definitions::predefined(std::string_view expression) {
    if (expression.empty() || expression.front() != '_') {
        return std::nullopt;
    }
    const std::string_view name = next_word(expression);
    if (name == "_PWD") {
        return directory_;
    }
    if (name == "_INSTANCE") {
        return instance_;
    }
    if (name == "_HASH") {
        return "#";
    }
    if (name == "_BANG") {
        return "!";
    }
    if (name == "_ENV") {
        return environment_.variable(std::string(next_word(expression)));
    }
    if (name == "_RANDOM") {
        constexpr std::uint32_t kDefaultHigh = 32767;
        const std::uint32_t low = number(next_word(expression)).value_or(0);
        const std::uint32_t high = number(next_word(expression)).value_or(kDefaultHigh);
        return std::to_string(random(low, high));
    }
    return std::nullopt;
}

std::uint32_t Definitions::random(std::uint32_t low, std::uint32_t high) {
    if (high <= low) {
        return low;
    }
    // Numerical Recipes' linear congruential generator; the upper half is the good half.
    random_state_ = random_state_ * 1664525U + 1013904223U;
    const std::uint64_t span = std::uint64_t{high} - low + 1;
    return low + static_cast<std::uint32_t>((std::uint64_t{random_state_} * span) >> 32U);
}

std::size_t name_length(std::string_view text, std::size_t offset) {
    std::size_t end = offset;
    while (end < text.size() &&
           (text[end] == '_' || (text[end] >= '0' && text[end] <= '9') ||
            (text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'))) {
        ++end;
    }
    return end - offset;
}

}  // namespace tandem::config
