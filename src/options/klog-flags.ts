import type { FlagTable } from './flag.ts';
import { boolean, text } from './values.ts';

const value = text('VALUE');

/**
 * The flags of klog, the log library of the Go reference driver, except -v. Manifests written for that driver set them,
 * so they are accepted; this driver logs to standard error and ignores them.
 */
export const klogFlags = {
  addDirHeader: { name: 'add_dir_header', kind: boolean, ignored: true },
  alsoLogToStderr: { name: 'alsologtostderr', kind: boolean, ignored: true },
  alsoLogToStderrThreshold: { name: 'alsologtostderrthreshold', kind: value, ignored: true },
  legacyStderrThreshold: { name: 'legacy_stderr_threshold_behavior', kind: boolean, ignored: true },
  logBacktraceAt: { name: 'log_backtrace_at', kind: value, ignored: true },
  logDir: { name: 'log_dir', kind: value, ignored: true },
  logFile: { name: 'log_file', kind: value, ignored: true },
  logFileMaxSize: { name: 'log_file_max_size', kind: value, ignored: true },
  logToStderr: { name: 'logtostderr', kind: boolean, ignored: true },
  oneOutput: { name: 'one_output', kind: boolean, ignored: true },
  skipHeaders: { name: 'skip_headers', kind: boolean, ignored: true },
  skipLogHeaders: { name: 'skip_log_headers', kind: boolean, ignored: true },
  stderrThreshold: { name: 'stderrthreshold', kind: value, ignored: true },
  vmodule: { name: 'vmodule', kind: value, ignored: true },
} as const satisfies FlagTable;
