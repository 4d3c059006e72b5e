#include "runtime/handover.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace awl {
namespace {

constexpr const char* folder_path = "/run/awl";
constexpr size_t longest_name = 64, longest_target = 4096;
constexpr size_t most_links = 4096;
constexpr int patience_ms = 10000;  // for an answer of the other session, which handles events between two looks

bool is_name(std::string_view name) {
  auto good = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= longest_name && name[0] != '.' && std::ranges::all_of(name, good);
}

// The folder of the sockets, which must belong to this user and let nobody else in.
Result<Fd> open_folder() {
  if (mkdir(folder_path, 0700) != 0 && errno != EEXIST) return fail(errno, "cannot make the folder {}", folder_path);
  Fd folder(open(folder_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder) return fail(errno, "cannot open the folder {}", folder_path);
  struct stat status{};
  if (fstat(folder.get(), &status) != 0) return fail(errno, "cannot look at the folder {}", folder_path);
  if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return fail_text(0, fmt::format("{} is not this user's alone", folder_path), "chown and chmod 700 it: who can connect there can take the links over");
  return folder;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

Result<> send_message(int socket, std::string_view text, int descriptor) {
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) return fail(errno, "cannot send to the other session");
  return {};
}

struct Received {
  std::string text;
  Fd descriptor;
  bool closed = false;
};

Result<Received> receive_message(int socket) {
  pollfd wait{.fd = socket, .events = POLLIN, .revents = 0};
  if (const int ready = poll(&wait, 1, patience_ms); ready <= 0) return fail(ready < 0 ? errno : ETIMEDOUT, "the other session does not answer");
  char text[longest_target];
  iovec part{.iov_base = text, .iov_len = sizeof text};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  const ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (size < 0) return fail(errno, "cannot hear the other session");
  Received received{.text = std::string(text, static_cast<size_t>(size))};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) continue;
    int descriptor = -1;
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    received.descriptor = Fd(descriptor);
  }
  received.closed = size == 0;
  return received;
}

bool is_this_user(int socket) {
  ucred other{};
  socklen_t size = sizeof other;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid();
}

// One character stands for each message's kind.
constexpr char link_message = 'L', end_message = 'E', done_message = 'D';

}  // namespace

Handover::~Handover() {
  if (listener_ && successor_ == 0) unlink(path_.c_str());
}

Result<> Handover::begin(const std::string& name) {
  if (!is_name(name)) return fail_text(0, fmt::format("'{}' is no name for a running script", name), fmt::format("use up to {} letters, digits, '-', '_' and '.'", longest_name));
  AWL_TRY(folder, open_folder());
  folder_ = std::move(folder);
  if (flock(folder_.get(), LOCK_EX) != 0) return fail(errno, "cannot lock {}", folder_path);
  path_ = fmt::format("{}/{}", folder_path, name);
  Fd peer(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!peer) return fail(errno, "cannot make a socket");
  const sockaddr_un address = address_of(path_);
  if (connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return {};  // nobody has the name, or its session was killed
    return fail(errno, "cannot reach the script that runs as '{}'", name);
  }
  peer_ = std::move(peer);
  Result<> got = receive_links();
  if (!got) return std::unexpected(std::move(got.error()).context(fmt::format("the script that runs as '{}'", name)));
  return {};
}

Result<> Handover::receive_links() {
  while (offered_.size() <= most_links) {
    AWL_TRY(message, receive_message(peer_.get()));
    if (message.closed) return fail(0, "it ended the connection");
    if (message.text[0] == end_message) return {};
    if (message.text[0] != link_message || !message.descriptor) return fail(0, "it sends what is no link");
    offered_.push_back({message.text.substr(1), std::move(message.descriptor)});
  }
  return fail(0, "it has more than {} links", most_links);
}

Result<std::optional<Link>> Handover::take(std::string_view target, int program) {
  auto found = std::ranges::find_if(offered_, [&](const Offered& o) { return o.link && o.probe == target; });
  if (found == offered_.end()) return std::optional<Link>();
  const int link = fcntl(found->link.get(), F_DUPFD_CLOEXEC, 0);
  found->link = Fd();
  if (link < 0) return fail(errno, "cannot keep a link");
  Link kept([link] { close(link); }, link);
  if (bpf_link_update(link, program, nullptr) != 0) return fail(errno, "the link of {} does not take another program", target);
  return std::optional<Link>(std::move(kept));
}

Result<> Handover::commit() {
  const std::string fresh = fmt::format("{}.{}", path_, getpid());
  Fd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_of(fresh);
  unlink(fresh.c_str());
  if (!listener || bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || listen(listener.get(), 4) != 0) return fail(errno, "cannot listen at {}", fresh);
  if (rename(fresh.c_str(), path_.c_str()) != 0) {
    const int code = errno;
    unlink(fresh.c_str());
    return fail(code, "cannot listen at {}", path_);
  }
  listener_ = std::move(listener);
  // If it has ended by now, the links are this session's all the same.
  if (peer_) static_cast<void>(send_message(peer_.get(), fmt::format("{}{}", done_message, getpid()), -1));
  peer_ = Fd();
  offered_.clear();
  folder_ = Fd();
  return {};
}

Result<> Handover::offer(const std::vector<NamedLink>& links) {
  for (const NamedLink& named : links) AWL_CHECK(send_message(peer_.get(), link_message + named.probe.substr(0, longest_target - 1), named.link));
  return send_message(peer_.get(), std::string(1, end_message), -1);
}

Result<bool> Handover::serve(const std::vector<NamedLink>& links) {
  if (!listener_) return false;
  if (!peer_) {
    Fd peer(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer || !is_this_user(peer.get())) return false;
    peer_ = std::move(peer);
    if (!offer(links)) peer_ = Fd();
    return false;
  }
  pollfd answer{.fd = peer_.get(), .events = POLLIN, .revents = 0};
  if (poll(&answer, 1, 0) <= 0) return false;
  Result<Received> message = receive_message(peer_.get());
  peer_ = Fd();
  if (message && !message->closed && message->text[0] == done_message) {
    successor_ = std::max(1, atoi(message->text.c_str() + 1));
    return true;
  }
  // It failed: what it has put into the links is taken out again.
  for (const NamedLink& named : links)
    if (bpf_link_update(named.link, named.program, nullptr) != 0) return fail(errno, "cannot take back the link of {}", named.probe);
  return false;
}

}  // namespace awl
