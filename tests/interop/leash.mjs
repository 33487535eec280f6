// Runs a program that ends with whoever started it, however that one ends: `node leash.mjs PROGRAM ARGUMENT…`.
//
// The program gets a process group of its own, which is killed as a whole when our stdin closes or a signal comes, so
// that nothing it started outlives it. The operating system closes our stdin even when `cargo xtask` is killed.
import { spawn } from 'node:child_process';

const GRACE = 3000;

const [program, ...args] = process.argv.slice(2);
// Windows has no process groups; there the program alone is ended.
const group = process.platform !== 'win32';
// It has a stdin that stays open as long as we live: what watches its own ends with us, too.
const child = spawn(program, args, { stdio: ['pipe', 'inherit', 'inherit'], detached: group });

child.on('error', (error) => {
  console.error(`leash: cannot run ${program}: ${error.message}`);
  process.exit(127);
});
child.on('exit', (code, signal) => {
  // What it left behind, if anything.
  kill('SIGKILL');
  process.exit(code ?? (signal ? 1 : 0));
});

function kill(signal) {
  try {
    if (group) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch {
    // It has ended already.
  }
}

function end() {
  kill('SIGTERM');
  setTimeout(() => kill('SIGKILL'), GRACE).unref();
}

process.stdin.resume().on('end', end).on('error', end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
