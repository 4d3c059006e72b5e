// awl --info.
#include <sys/utsname.h>

#include "driver/program.h"
#include "probes/features.h"
#include "probes/provider.h"

namespace awl {

int print_info(Host& host) {
  utsname system{};
  uname(&system);
  auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  fmt::print("System\n  OS: {} {} {}\n  Arch: {}\n\n", system.sysname, system.release, system.version, system.machine);
  fmt::print("Build\n  version: v{}\n\n", AWL_VERSION);
  fmt::print("Kernel features\n  btf: {}\n  tracefs: {}\n", yes_no(host.kernel_btf().has_value()), yes_no(host.tracefs().has_value()));
  for (Feature feature : {Feature::attach_cookie, Feature::atomic_fetch, Feature::for_each_map, Feature::percpu_lookup, Feature::iterators, Feature::large_keys, Feature::tai_clock, Feature::task_from_pid, Feature::socket_cookie, Feature::override_return, Feature::write_user}) fmt::print("  {}: {}\n", feature_name(feature), yes_no(host.has_feature(feature)));
  fmt::print("\nProbe types\n");
  for (Feature feature : {Feature::kprobe_multi, Feature::uprobe_multi, Feature::kprobe_session}) fmt::print("  {}: {}\n", feature_name(feature), yes_no(host.has_feature(feature)));
  for (const Provider* provider : providers()) fmt::print("  {}: {}\n", provider->name, provider->doc);
  return 0;
}

}  // namespace awl
