#include <fmt/format.h>

#include <iterator>

#include "runtime/format/printf.h"

namespace awl {
namespace {

struct Flag {
  uint64_t bits;
  std::string_view name;
};

// Bits as in include/linux/gfp_types.h since Linux 6.10; sets before the single flags that they hold, as the kernel's own
// __def_gfpflag_names (include/trace/events/mmflags.h) has them.
constexpr uint64_t dma = 1u << 0, highmem = 1u << 1, dma32 = 1u << 2, movable = 1u << 3, reclaimable = 1u << 4, high = 1u << 5, io = 1u << 6,
                   fs = 1u << 7, zero = 1u << 8, direct_reclaim = 1u << 10, kswapd_reclaim = 1u << 11, write = 1u << 12, nowarn = 1u << 13,
                   retry_mayfail = 1u << 14, nofail = 1u << 15, noretry = 1u << 16, memalloc = 1u << 17, comp = 1u << 18, nomemalloc = 1u << 19,
                   hardwall = 1u << 20, thisnode = 1u << 21, account = 1u << 22, zerotags = 1u << 23;
constexpr uint64_t reclaim = direct_reclaim | kswapd_reclaim;
constexpr uint64_t kernel = reclaim | io | fs, user = kernel | hardwall, highuser = user | highmem, highuser_movable = highuser | movable;
constexpr uint64_t transhuge_light = (highuser_movable | comp | nomemalloc | nowarn) & ~reclaim;

constexpr Flag flags_by_size[] = {
    {transhuge_light | direct_reclaim, "GFP_TRANSHUGE"},
    {transhuge_light, "GFP_TRANSHUGE_LIGHT"},
    {highuser_movable, "GFP_HIGHUSER_MOVABLE"},
    {highuser, "GFP_HIGHUSER"},
    {user, "GFP_USER"},
    {kernel | account, "GFP_KERNEL_ACCOUNT"},
    {kernel, "GFP_KERNEL"},
    {reclaim | io, "GFP_NOFS"},
    {high | kswapd_reclaim, "GFP_ATOMIC"},
    {reclaim, "GFP_NOIO"},
    {kswapd_reclaim | nowarn, "GFP_NOWAIT"},
    {dma, "GFP_DMA"},
    {highmem, "__GFP_HIGHMEM"},
    {dma32, "GFP_DMA32"},
    {high, "__GFP_HIGH"},
    {io, "__GFP_IO"},
    {fs, "__GFP_FS"},
    {nowarn, "__GFP_NOWARN"},
    {retry_mayfail, "__GFP_RETRY_MAYFAIL"},
    {nofail, "__GFP_NOFAIL"},
    {noretry, "__GFP_NORETRY"},
    {comp, "__GFP_COMP"},
    {zero, "__GFP_ZERO"},
    {nomemalloc, "__GFP_NOMEMALLOC"},
    {memalloc, "__GFP_MEMALLOC"},
    {hardwall, "__GFP_HARDWALL"},
    {thisnode, "__GFP_THISNODE"},
    {reclaimable, "__GFP_RECLAIMABLE"},
    {movable, "__GFP_MOVABLE"},
    {account, "__GFP_ACCOUNT"},
    {write, "__GFP_WRITE"},
    {reclaim, "__GFP_RECLAIM"},
    {direct_reclaim, "__GFP_DIRECT_RECLAIM"},
    {kswapd_reclaim, "__GFP_KSWAPD_RECLAIM"},
    {zerotags, "__GFP_ZEROTAGS"},
};

}  // namespace

std::string gfp_flags_text(uint64_t flags) {
  if (flags == 0) return "0";
  std::string text;
  for (const Flag& flag : flags_by_size) {
    if ((flags & flag.bits) != flag.bits) continue;
    fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : "|", flag.name);
    flags &= ~flag.bits;
  }
  if (flags) fmt::format_to(std::back_inserter(text), "{}{:#x}", text.empty() ? "" : "|", flags);
  return text;
}

}  // namespace awl
