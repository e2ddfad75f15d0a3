// The least that a plain directory volume costs: the directories, files, mounts and syncs that the driver makes for it, in the same
// order, without gRPC and without its checks. Prints the same JSON as bench/client. The comments in quotes are the steps of
// src/model/steps.ts that each part belongs to.
//
//   floor create|life|stage DIRECTORY CALLS WARM-UP THREADS [VOLUMES [MOUNTS]]
//   floor copy DIRECTORY CALLS WARM-UP 1 SOURCE
//
// VOLUMES exist already when the measurement begins, and MOUNTS of them are staged. SOURCE is a btrfs subvolume, an image named
// "image", or the one file of a directory; a copy shares its blocks. Mounts, so it needs a mount namespace of its own.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH_BYTES 512
// As large as the record of a volume.
#define RECORD_BYTES 700
// Of the root of a btrfs subvolume.
#define SUBVOLUME_INODE 256

enum call { CREATE, STAGE, PUBLISH, UNPUBLISH, UNSTAGE, DELETE, CALL_COUNT };

static const char *const call_names[CALL_COUNT] = {"create", "stage", "publish", "unpublish", "unstage", "delete"};

struct worker {
  pthread_t thread;
  int number;
  char staging[PATH_BYTES];
  char pod[PATH_BYTES];
  char target[PATH_BYTES];
};

static const char *root;
static char record[RECORD_BYTES];
static int is_life, is_stage;
static const char *source;
static int is_subvolume, is_image;
static int call_count;
static atomic_int next_call, last_call;
static double *durations[CALL_COUNT];

static void fail(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int checked(int result, const char *what) {
  if (result < 0) fail(what);
  return result;
}

__attribute__((format(printf, 2, 3))) static const char *path(char *buffer, const char *format, ...) {
  int length = snprintf(buffer, PATH_BYTES, "%s/", root);
  va_list values;
  va_start(values, format);
  vsnprintf(buffer + length, PATH_BYTES - length, format, values);
  va_end(values);
  return buffer;
}

static int opened(const char *name, int flags) { return checked(open(name, flags | O_CLOEXEC, 0600), name); }

static void sync_path(const char *name) {
  int fd = opened(name, O_RDONLY);
  checked(fsync(fd), name);
  close(fd);
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void clone_file(const char *target, int is_synced) {
  int source_fd = opened(source, O_RDONLY);
  int fd = opened(target, O_WRONLY | O_CREAT | O_EXCL);
  checked(ioctl(fd, FICLONE, source_fd), target);
  if (is_synced) checked(fsync(fd), target);
  close(fd);
  close(source_fd);
}

// A directory and its files are synced at once.
static void sync_tree(const char *directory) {
  int fd = opened(directory, O_RDONLY);
  checked(syncfs(fd), directory);
  close(fd);
}

static void copy_content(int number) {
  char directory[PATH_BYTES], data[PATH_BYTES], file[PATH_BYTES];
  path(directory, ".incoming/v%d", number);
  path(data, ".incoming/v%d/data", number);
  if (is_image) {
    clone_file(path(file, ".incoming/v%d/image", number), 1);
    return;
  }
  if (is_subvolume) {
    struct btrfs_ioctl_vol_args_v2 arguments = {.fd = opened(source, O_RDONLY), .name = "data"};
    int fd = opened(directory, O_RDONLY);
    checked(ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, &arguments), data);
    close(fd);
    close(arguments.fd);
  } else {
    checked(mkdir(data, 0700), data);
    clone_file(path(file, ".incoming/v%d/data/file", number), 0);
  }
  sync_tree(data);
}

static void make_content(int number, int is_durable) {
  char data[PATH_BYTES];
  path(data, ".incoming/v%d/data", number);
  checked(mkdir(data, 0700), data);
  int fd = opened(data, O_RDONLY);
  checked(chown(data, 0, 0), data);
  checked(chmod(data, 0777), data);
  if (is_durable) checked(fsync(fd), data);
  close(fd);
}

// createVolume, and createSnapshot
static void create_volume(int number, int is_durable) {
  char directory[PATH_BYTES], file[PATH_BYTES], target[PATH_BYTES], parent[PATH_BYTES];
  path(directory, ".incoming/v%d", number);
  path(file, ".incoming/v%d/volume.json", number);
  // "create: directory made"
  checked(mkdir(directory, 0700), directory);
  // "create: record written"
  int fd = opened(file, O_WRONLY | O_CREAT | O_EXCL);
  checked(write(fd, record, RECORD_BYTES), file);
  close(fd);
  // "create: content made"
  if (source)
    copy_content(number);
  else
    make_content(number, is_durable);
  // "create: built durably"
  if (is_durable) sync_path(file);
  if (is_durable) sync_path(directory);
  // "create: renamed"
  checked(rename(directory, path(target, "volumes/v%d", number)), target);
  if (!is_durable) return;
  // "create: durable"
  sync_path(path(parent, "volumes"));
  sync_path(path(parent, ".incoming"));
}

static void bind_mount(const char *source, const char *target) {
  int source_fd = opened(source, O_PATH);
  int target_fd = opened(target, O_PATH);
  int tree = checked(syscall(SYS_open_tree, source_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH), source);
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  checked(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes), source);
  int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  checked(syscall(SYS_move_mount, tree, "", target_fd, "", flags), target);
  close(tree);
  close(target_fd);
  close(source_fd);
}

// "stage: mounted"
static void stage_volume(int number, const char *staging) {
  char data[PATH_BYTES];
  bind_mount(path(data, "volumes/v%d/data", number), staging);
}

static void publish_volume(const struct worker *worker) {
  // "publish: target made"
  checked(mkdir(worker->target, 0700), worker->target);
  // "publish: mounted"
  bind_mount(worker->staging, worker->target);
}

static void unpublish_volume(const struct worker *worker) {
  // "unpublish: unmounted"
  checked(umount2(worker->target, UMOUNT_NOFOLLOW), worker->target);
  // "unpublish: target removed"
  checked(rmdir(worker->target), worker->target);
}

// "unstage: unmounted"
static void unstage_volume(const struct worker *worker) {
  checked(umount2(worker->staging, UMOUNT_NOFOLLOW), worker->staging);
}

// deleteVolume
static void delete_volume(int number) {
  char directory[PATH_BYTES], removed[PATH_BYTES], parent[PATH_BYTES];
  // "delete: renamed"
  checked(rename(path(directory, "volumes/v%d", number), path(removed, ".outgoing/v%d", number)), removed);
  // "delete: durable"
  sync_path(path(parent, "volumes"));
  sync_path(path(parent, ".outgoing"));
}

static void remove_copy(int number) {
  char name[PATH_BYTES];
  if (is_image) checked(unlink(path(name, ".outgoing/v%d/image", number)), name);
  if (is_image) return;
  if (is_subvolume) {
    struct btrfs_ioctl_vol_args arguments = {.name = "data"};
    int fd = opened(path(name, ".outgoing/v%d", number), O_RDONLY);
    checked(ioctl(fd, BTRFS_IOC_SNAP_DESTROY, &arguments), name);
    close(fd);
    return;
  }
  checked(unlink(path(name, ".outgoing/v%d/data/file", number)), name);
  checked(rmdir(path(name, ".outgoing/v%d/data", number)), name);
}

// "delete: content removed", which the driver does after the reply; it counts for the rate, not for the call.
static void remove_content(int number) {
  char name[PATH_BYTES];
  checked(unlink(path(name, ".outgoing/v%d/volume.json", number)), name);
  if (source)
    remove_copy(number);
  else
    checked(rmdir(path(name, ".outgoing/v%d/data", number)), name);
  checked(rmdir(path(name, ".outgoing/v%d", number)), name);
}

static void note(enum call call, int number, double *started_at) {
  double now = microseconds();
  durations[call][number] = now - *started_at;
  *started_at = now;
}

static void mount_and_unmount(const struct worker *worker, int volume, int number, double *started_at) {
  stage_volume(volume, worker->staging);
  note(STAGE, number, started_at);
  publish_volume(worker);
  note(PUBLISH, number, started_at);
  unpublish_volume(worker);
  note(UNPUBLISH, number, started_at);
  unstage_volume(worker);
  note(UNSTAGE, number, started_at);
}

static void *work(void *argument) {
  const struct worker *worker = argument;
  int number;
  while ((number = atomic_fetch_add(&next_call, 1)) < last_call) {
    double started_at = microseconds();
    if (is_stage) {
      mount_and_unmount(worker, -1 - worker->number, number, &started_at);
      continue;
    }
    create_volume(number, 1);
    note(CREATE, number, &started_at);
    if (!is_life && !source) continue;
    if (is_life) mount_and_unmount(worker, number, number, &started_at);
    delete_volume(number);
    note(DELETE, number, &started_at);
    remove_content(number);
  }
  return NULL;
}

static double run(struct worker *workers, int worker_count, int first, int count) {
  next_call = first;
  last_call = first + count;
  double started_at = microseconds();
  for (int i = 0; i < worker_count; i++) {
    errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    if (errno != 0) fail("pthread_create");
  }
  for (int i = 0; i < worker_count; i++) pthread_join(workers[i].thread, NULL);
  return (microseconds() - started_at) / 1e6;
}

static int by_value(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

static void print_call(enum call call, int first, int count) {
  double *values = durations[call] + first;
  if (values[0] == 0) return;
  double sum = 0;
  for (int i = 0; i < count; i++) sum += values[i];
  qsort(values, count, sizeof *values, by_value);
  static int is_next;
  printf("%s\"%s\":{\"count\":%d,\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f}", is_next++ ? "," : "", call_names[call], count,
         sum / count, values[count / 2], values[count * 99L / 100]);
}

static void make_directory(const char *name) {
  if (mkdir(name, 0700) < 0 && errno != EEXIST) fail(name);
}

static void prepare(int volume_count, int mount_count) {
  char name[PATH_BYTES];
  make_directory(root);
  for (const char *const *part = (const char *const[]){"volumes", ".incoming", ".outgoing", "mounts", NULL}; *part; part++)
    make_directory(path(name, "%s", *part));
  // Numbers below those of the calls and of the workers' own volumes.
  for (int i = 0; i < volume_count; i++) create_volume(-1000 - i, 0);
  for (int i = 0; i < mount_count; i++) {
    make_directory(path(name, "mounts/%d", i));
    stage_volume(-1000 - i, name);
  }
  sync_tree(root);
}

static void set_source(const char *name) {
  struct stat status;
  checked(stat(name, &status), name);
  source = name;
  is_subvolume = S_ISDIR(status.st_mode) && status.st_ino == SUBVOLUME_INODE;
  is_image = strcmp(basename(name), "image") == 0;
}

static void prepare_worker(struct worker *worker, int number) {
  char name[PATH_BYTES];
  worker->number = number;
  make_directory(path(name, "mounts/worker%d", number));
  make_directory(path(worker->staging, "mounts/worker%d/staging", number));
  make_directory(path(worker->pod, "mounts/worker%d/pod", number));
  path(worker->target, "mounts/worker%d/pod/mount", number);
  if (is_stage) create_volume(-1 - number, 1);
}

int main(int count, char **arguments) {
  if (count < 6) {
    fprintf(stderr, "floor MODE DIRECTORY CALLS WARM-UP THREADS [VOLUMES [MOUNTS]]\n");
    return 2;
  }
  is_life = strcmp(arguments[1], "life") == 0;
  is_stage = strcmp(arguments[1], "stage") == 0;
  root = arguments[2];
  call_count = atoi(arguments[3]);
  int warm_up = atoi(arguments[4]);
  int worker_count = atoi(arguments[5]);
  umask(0);
  memset(record, '\n', RECORD_BYTES);
  int is_copy = strcmp(arguments[1], "copy") == 0;
  if (is_copy && count > 6) set_source(arguments[6]);
  prepare(!is_copy && count > 6 ? atoi(arguments[6]) : 0, !is_copy && count > 7 ? atoi(arguments[7]) : 0);
  struct worker *workers = calloc(worker_count, sizeof *workers);
  for (int i = 0; i < worker_count; i++) prepare_worker(&workers[i], i);
  for (int call = 0; call < CALL_COUNT; call++) durations[call] = calloc(warm_up + call_count, sizeof(double));
  run(workers, worker_count, 0, warm_up);
  double seconds = run(workers, worker_count, warm_up, call_count);
  printf("{\"mode\":\"%s\",\"count\":%d,\"concurrency\":%d,\"seconds\":%.6f,\"rate\":%.1f,\"errors\":{},\"calls\":{", arguments[1],
         call_count, worker_count, seconds, call_count / seconds);
  for (int call = 0; call < CALL_COUNT; call++) print_call(call, warm_up, call_count);
  printf("}}\n");
  return 0;
}
