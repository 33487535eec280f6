// `node --import hooks.mjs CLIENT`: the client's `open` package becomes browser.mjs, so that no window opens on the
// machine that runs this and the client's own way to its browser is still taken.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'open') return next(specifier, context);
    return { url: new URL('./browser.mjs', import.meta.url).href, shortCircuit: true };
  },
});
