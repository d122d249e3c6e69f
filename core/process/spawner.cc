#include "core/process/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/process/child.h"
#include "core/process/errno_text.h"
#include "core/process/interpreter.h"
#include "core/process/not_supported.h"

namespace covey {
namespace {

// Where execvp(3) looks when there is no PATH.
constexpr std::string_view kDefaultPath = "/bin:/usr/bin";
// What the pipe of a child's stdin takes at once: this much is written before the child exists.
constexpr size_t kPipeCapacity = 64 * 1024;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

bool OpenPipe(Pipe* pipe) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return false;
  pipe->read.Reset(fds[0]);
  pipe->write.Reset(fds[1]);
  return pipe->read.LeaveStdio() && pipe->write.LeaveStdio();
}

bool NonBlocking(const UniqueFd& fd) { return ::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0; }

// The first NUL in `text` would end it for the kernel, and something else would run than was asked for.
bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

std::optional<SpawnError> Check(const ProcessSpec& spec, const Variables& env) {
  if (spec.argv.empty()) return SpawnError{126, "cannot start a process: argv is empty"};
  if (std::any_of(spec.argv.begin(), spec.argv.end(), HasNul)) {
    return SpawnError{126, "cannot start a process: an argument contains a NUL byte"};
  }
  for (const auto& [name, value] : env) {
    if (HasNul(name) || HasNul(value)) {
      return SpawnError{126, "cannot start a process: an environment variable contains a NUL byte"};
    }
  }
  for (const auto& [field, path] :
       {std::pair("working_dir", &spec.working_dir), std::pair("stdout_file", &spec.stdout_file.path),
        std::pair("stderr_file", &spec.stderr_file.path)}) {
    if (HasNul(*path)) {
      return SpawnError{126, std::string("cannot start a process: ") + field + " contains a NUL byte"};
    }
  }
  return std::nullopt;
}

const char* LimitName(int resource) {
  switch (resource) {
    case RLIMIT_NOFILE:
      return "open files";
    case RLIMIT_AS:
      return "address space";
    case RLIMIT_CPU:
      return "CPU time";
    default:
      return "core size";
  }
}

// A child that gave up: one of its files that cannot be opened, or its own limit, is no shortage.
Shortage ShortageOf(const ChildPlan& plan, const ResourceLimits& limits) {
  const int error = plan.failed_errno;
  if (!IsShortage(error)) return Shortage::kNone;
  const bool limited = limits.memory != 0 || limits.address_space != 0;
  if (error == ENOMEM && limited) return Shortage::kNone;
  const ChildStep step = plan.failed_step;
  const bool file = step == ChildStep::kStdoutFile || step == ChildStep::kStderrFile;
  if (file && error == EAGAIN) return Shortage::kNone;
  // A user may have no more processes (RLIMIT_NPROC), which execve tells.
  return error == EAGAIN && plan.set_account ? Shortage::kOfItsOwn : Shortage::kOfAll;
}

// The candidate that is there, if any is, needs something that is not: that is what has to be told.
SpawnError ExplainExec(const ChildPlan& plan, const std::string& working_dir, const std::string& start) {
  const int error = plan.failed_errno;
  for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
    std::string program(*path);
    if (!program.starts_with('/') && !working_dir.empty()) program.insert(0, working_dir + "/");
    const std::optional<std::string> missing = MissingInterpreter(program);
    if (!missing) continue;
    return {126, start + "its interpreter '" + *missing + "': " + ErrnoText(error)};
  }
  return {error == ENOENT || error == ENOTDIR ? 127 : 126, start + ErrnoText(error)};
}

SpawnError ExplainStep(const ChildPlan& plan, const ProcessSpec& spec) {
  const ChildStep step = plan.failed_step;
  const int error = plan.failed_errno;
  const std::string start = "cannot start '" + spec.argv[0] + "': ";
  switch (step) {
    case ChildStep::kExec:
      return ExplainExec(plan, spec.working_dir, start);
    case ChildStep::kWorkingDir:
      return {126, start + "working directory '" + spec.working_dir + "': " + ErrnoText(error)};
    case ChildStep::kCgroup:
      return {126, start + "joining its cgroup: " + ErrnoText(error)};
    case ChildStep::kLimits:
      return {126, start + "limiting its " + LimitName(plan.failed_limit) + ": " + ErrnoText(error)};
    case ChildStep::kNice:
      return {126, start + "setting its niceness to " + std::to_string(spec.nice) + ": " + ErrnoText(error)};
    case ChildStep::kAccount:
      return {126,
              start + "becoming user '" + spec.user + "', group '" + spec.group + "': " + ErrnoText(error)};
    case ChildStep::kStdoutFile:
      return {126, start + "its stdout_file '" + spec.stdout_file.path + "': " + ErrnoText(error)};
    case ChildStep::kStderrFile:
      return {126, start + "its stderr_file '" + spec.stderr_file.path + "': " + ErrnoText(error)};
    case ChildStep::kDescriptors:
    case ChildStep::kStdio:
      return {126, start + "its file descriptors: " + ErrnoText(error)};
    case ChildStep::kNone:
      break;
  }
  return {126, start + "its parent is ending"};
}

SpawnError Explain(const ChildPlan& plan, const ProcessSpec& spec) {
  SpawnError error = ExplainStep(plan, spec);
  error.shortage = ShortageOf(plan, spec.limits);
  return error;
}

void AddLimit(ChildPlan* plan, int resource, uint64_t soft, uint64_t hard) {
  plan->limits[plan->limit_count++] = {.resource = resource, .value = {.rlim_cur = soft, .rlim_max = hard}};
}

void PlanLimits(const ResourceLimits& limits, std::optional<rlim_t> open_files, ChildPlan* plan) {
  if (limits.open_files != 0) {
    AddLimit(plan, RLIMIT_NOFILE, limits.open_files, limits.open_files);
  } else if (rlimit own{}; open_files && ::getrlimit(RLIMIT_NOFILE, &own) == 0) {
    AddLimit(plan, RLIMIT_NOFILE, std::min(*open_files, own.rlim_max), own.rlim_max);
  }
  if (limits.address_space != 0) AddLimit(plan, RLIMIT_AS, limits.address_space, limits.address_space);
  if (limits.cpu_time.count() > 0) {
    const auto seconds =
        static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(limits.cpu_time).count());
    AddLimit(plan, RLIMIT_CPU, seconds, seconds + 1);
  }
  if (limits.core_size) AddLimit(plan, RLIMIT_CORE, *limits.core_size, *limits.core_size);
}

void PlanAccount(const std::optional<Account>& account, ChildPlan* plan) {
  if (!account) return;
  plan->set_account = true;
  plan->user = account->user;
  plan->group = account->group;
  plan->groups = account->groups.data();
  plan->group_count = account->groups.size();
}

ChildFile PlanFile(const OutputFile& file) {
  if (file.path.empty()) return {};
  return {.path = file.path.c_str(),
          .flags = O_WRONLY | O_CREAT | O_NOCTTY | (file.append ? O_APPEND : O_TRUNC),
          .mode = file.mode};
}

}  // namespace

Spawner::Spawner(const Options& options)
    : options_(options), way_(options.way), share_descriptors_(options.share_descriptors) {}

Result<Void> Spawner::Probe(const Cgroup* cgroup) {
  if (!stack_.ok()) return NotSupported("no memory for the stack of a child");
  null_.Reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null_ || !null_.LeaveStdio()) return NotSupported("cannot open /dev/null: " + ErrnoText(errno));
  for (UniqueFd& slot : slots_) {
    slot.Reset(::fcntl(null_.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!slot) return NotSupported("no file descriptor for a child: " + ErrnoText(errno));
    highest_slot_ = std::max(highest_slot_, slot.get());
  }
  // Is the call there (Linux 5.9)? Asked with an empty range, which is refused: a valid one would unshare the
  // descriptors of this thread from those of the program's other threads.
  if (::syscall(SYS_close_range, 1U, 0U, 2 /* CLOSE_RANGE_UNSHARE */) != 0 && errno != EINVAL) {
    share_descriptors_ = false;
  }

  std::string why = "no way to clone";
  for (const CloneWay way : {CloneWay::kClone3, CloneWay::kClone, CloneWay::kCloneThenOpen}) {
    if (way < way_) continue;
    if (Try(way, cgroup, &why)) {
      way_ = way;
      return Void{};
    }
  }
  return NotSupported(why);
}

bool Spawner::Try(CloneWay way, const Cgroup* cgroup, std::string* why) {
  ChildPlan plan;
  UniqueFd procs;
  if (cgroup != nullptr && way != CloneWay::kClone3) {
    procs = cgroup->OpenProcs();
    if (!procs) {
      *why = "cgroup.procs cannot be written: " + ErrnoText(errno);
      return false;
    }
    plan.cgroup_procs = procs.get();
  }
  const int directory = cgroup != nullptr && !procs ? cgroup->directory() : -1;
  Clone clone = CloneVfork(way, stack_, false, directory, &RunProbe, &plan);
  if (clone.pid < 0) {
    *why = "clone: " + ErrnoText(clone.error);
    return false;
  }
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(clone.pidfd.get()), &info, WEXITED) != 0) {
    *why = "waitid on a pidfd: " + ErrnoText(errno);
    ::waitpid(clone.pid, nullptr, 0);
    return false;
  }
  if (info.si_code != CLD_EXITED || info.si_status != 0) {
    *why = "a child cannot join its cgroup: " + ErrnoText(plan.failed_errno);
    return false;
  }
  return true;
}

void Spawner::PrepareArguments(const ProcessSpec& spec, const Variables& env,
                               const std::pair<std::string, std::string>& extra,
                               const std::optional<Account>& account) {
  argv_.clear();
  for (const std::string& argument : spec.argv) argv_.push_back(const_cast<char*>(argument.c_str()));
  argv_.push_back(nullptr);

  std::string_view path = kDefaultPath;
  bool has_path = false;
  size_t count = 0;
  const auto add = [&](const std::string& name, const std::string& value) {
    if (environment_.size() == count) environment_.emplace_back();
    environment_[count++].assign(name).append(1, '=').append(value);
  };
  for (const auto& [name, value] : env) {
    if (!extra.first.empty() && name == extra.first) continue;
    if (name == "PATH" && !has_path) {
      path = value;
      has_path = true;
    }
    add(name, value);
  }
  if (account && !spec.user.empty()) {
    for (const auto& [name, value] :
         {std::pair("HOME", &account->home), std::pair("USER", &account->name),
          std::pair("LOGNAME", &account->name), std::pair("SHELL", &account->shell)}) {
      const bool given = std::any_of(env.begin(), env.end(),
                                     [name = name](const auto& variable) { return variable.first == name; });
      if (!given && !value->empty()) add(name, *value);
    }
  }
  if (!extra.first.empty()) add(extra.first, extra.second);
  envp_.clear();
  for (size_t i = 0; i < count; ++i) envp_.push_back(environment_[i].data());
  envp_.push_back(nullptr);

  candidates_.clear();
  const std::string& program = spec.argv[0];
  if (program.empty() || program.find('/') != std::string::npos) {
    candidates_.push_back(program);
  } else {
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find(':', begin), path.size());
      const std::string_view directory = path.substr(begin, end - begin);
      // An empty entry is the working directory.
      candidates_.push_back(directory.empty() ? program : std::string(directory) + "/" + program);
      begin = end + 1;
    }
  }
  candidate_pointers_.clear();
  for (const std::string& candidate : candidates_) candidate_pointers_.push_back(candidate.c_str());
  candidate_pointers_.push_back(nullptr);
}

bool Spawner::FillSlot(int index, int fd) { return ::dup3(fd, slots_[index].get(), O_CLOEXEC) >= 0; }

void Spawner::EmptySlots() {
  for (int index = 0; index < 3; ++index) FillSlot(index, null_.get());
}

std::optional<SpawnError> Spawner::Spawn(const ProcessSpec& spec,
                                         const std::pair<std::string, std::string>& extra,
                                         const std::optional<Account>& account, const Cgroup* cgroup,
                                         SpawnedChild* child, const Variables* instead) {
  const Variables& env = instead != nullptr ? *instead : spec.env;
  if (std::optional<SpawnError> error = Check(spec, env)) return error;
  const auto failed = [&](const char* what, int error) {
    return SpawnError{126, "cannot start '" + spec.argv[0] + "': " + what + ": " + ErrnoText(error),
                      IsShortage(error) ? Shortage::kOfAll : Shortage::kNone};
  };

  Pipe in, out, err;
  if (!spec.stdin_bytes.empty() && !OpenPipe(&in)) return failed("pipes", errno);
  for (const auto& [pipe, file] : {std::pair(&out, &spec.stdout_file), std::pair(&err, &spec.stderr_file)}) {
    if (file->path.empty() && !(OpenPipe(pipe) && NonBlocking(pipe->read))) return failed("pipes", errno);
  }
  if (in.write) {
    if (!NonBlocking(in.write)) return failed("pipes", errno);
    const ssize_t n =
        ::write(in.write.get(), spec.stdin_bytes.data(), std::min(spec.stdin_bytes.size(), kPipeCapacity));
    child->stdin_written = n > 0 ? static_cast<size_t>(n) : 0;
    if (child->stdin_written == spec.stdin_bytes.size()) in.write.Reset();
  }

  PrepareArguments(spec, env, extra, account);
  ChildPlan plan;
  plan.candidates = candidate_pointers_.data();
  plan.argv = argv_.data();
  plan.envp = envp_.data();
  if (!spec.working_dir.empty()) plan.working_dir = spec.working_dir.c_str();
  plan.parent = ::getpid();
  PlanLimits(spec.limits, options_.open_files, &plan);
  plan.umask = spec.umask;
  plan.set_nice = spec.nice != 0;
  plan.nice = spec.nice;
  PlanAccount(account, &plan);
  plan.stdout_file = PlanFile(spec.stdout_file);
  plan.stderr_file = PlanFile(spec.stderr_file);
  plan.stderr_to_stdout_file =
      !spec.stdout_file.path.empty() && spec.stdout_file.path == spec.stderr_file.path;
  UniqueFd procs;
  if (cgroup != nullptr && way_ != CloneWay::kClone3) {
    procs = cgroup->OpenProcs();
    if (!procs) return failed("joining its cgroup", errno);
    plan.cgroup_procs = procs.get();
  }
  const int directory = cgroup != nullptr && !procs ? cgroup->directory() : -1;

  // dup3 onto a descriptor that is open cannot run out of descriptors.
  if (in.read) FillSlot(0, in.read.get());
  if (out.write) FillSlot(1, out.write.get());
  if (err.write) FillSlot(2, err.write.get());
  for (int index = 0; index < 3; ++index) plan.stdio[index] = slots_[index].get();
  if (share_descriptors_) plan.keep_up_to = std::max(highest_slot_, procs.get());

  Clone clone = CloneVfork(way_, stack_, share_descriptors_, directory, &RunChild, &plan);
  EmptySlots();
  if (clone.pid < 0 && !clone.has_run) return failed("clone", clone.error);
  // The program may have run for a moment: that is not tried again.
  const auto failed_late = [&](int error) {
    SpawnError late = failed("pidfd", error);
    late.shortage = Shortage::kNone;
    return late;
  };
  if (clone.pid < 0) return failed_late(clone.error);
  if (!clone.pidfd.LeaveStdio() || plan.failed_errno != 0) {
    const int error = errno;
    if (plan.failed_errno == 0) ::kill(-clone.pid, SIGKILL);
    ::waitpid(clone.pid, nullptr, 0);
    if (plan.failed_errno == 0) return failed_late(error);
    return Explain(plan, spec);
  }
  child->pid = clone.pid;
  child->pidfd = std::move(clone.pidfd);
  child->stdin_pipe = std::move(in.write);
  child->stdout_pipe = std::move(out.read);
  child->stderr_pipe = std::move(err.read);
  return std::nullopt;
}

}  // namespace covey
