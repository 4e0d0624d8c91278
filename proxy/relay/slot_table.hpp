// Names for things that an epoll set refers to, which can go away at any moment. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::relay {

/// Gives each item a token (slot and generation). A token of an item that was erased is not found,
/// also when the slot was given to another item since: an event that the kernel reports for a
/// descriptor closed earlier in the same batch, or kept alive by a forked child, reaches nobody.
/// A generation comes back after 2^32 uses of its slot. Not thread-safe.
template <class Item>
class SlotTable {
  public:
    std::uint64_t insert(Item& item) {
        if (free_.empty()) {
            slots_.push_back({});
            free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
        }
        const std::uint32_t index = free_.back();
        free_.pop_back();
        slots_[index].item = &item;
        return std::uint64_t{slots_[index].generation} << 32 | index;
    }

    void erase(std::uint64_t token) {
        if (find(token) != nullptr) {
            Slot& slot = slots_[static_cast<std::uint32_t>(token)];
            slot.item = nullptr;
            ++slot.generation;
            free_.push_back(static_cast<std::uint32_t>(token));
        }
    }

    [[nodiscard]] Item* find(std::uint64_t token) const {
        const auto index = static_cast<std::uint32_t>(token);
        if (index >= slots_.size() || slots_[index].generation != token >> 32) {
            return nullptr;
        }
        return slots_[index].item;
    }

    /// For walking through all of them.
    [[nodiscard]] std::size_t slots() const { return slots_.size(); }
    /// Null: the slot is free.
    [[nodiscard]] Item* at(std::size_t slot) const { return slots_[slot].item; }

  private:
    struct Slot {
        Item* item = nullptr;
        std::uint32_t generation = 0;
    };
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
};

}  // namespace tandem::relay
