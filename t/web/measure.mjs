// Figures of the dashboard in a browser, for bench/dashboard.

import { finish, goTo, launch, open, patience, signIn, url } from './browser.mjs';
import { flood, measured, watch } from './load.mjs';

const browser = await launch();
const page = await open(browser);
const table = name => page.getByRole('table', { name });

function tell(what, m) {
    console.log(`# ${what}: ${m.frames} frames, p50 ${m.p50.toFixed(1)} ms, `
        + `p99 ${m.p99.toFixed(1)} ms, worst ${m.worst.toFixed(0)} ms; of CPU `
        + `a frame ${m.cpu.toFixed(1)} ms, in scripts ${m.script.toFixed(1)}, `
        + `in layout ${m.layout.toFixed(1)}; `
        + `${m.tasks} long tasks, longest ${m.longest.toFixed(0)} ms; `
        + `${m.nodes} nodes, heap ${(m.heap / 1e6).toFixed(0)} MB`);
}

await signIn(page);

// how long until it can be used, with nothing kept from before
const opened = [];

for (let i = 0; i < 7; i++) {
    const fresh = await open(browser, {
        storageState: await page.context().storageState() });
    const start = performance.now();

    await fresh.goto(`${url}/#/`);
    await fresh.getByRole('heading', { name: 'Overview' }).waitFor();
    opened.push(performance.now() - start);
    await fresh.context().close();
}
console.log(`# opened in ${opened.sort((a, b) => a - b).map(n =>
    n.toFixed(0)).join(', ')} ms`);

// the list, scrolled by so many rows a frame for so many seconds
await goTo(page, '#/events');
await table('Events').getByRole('link').first().waitFor();
tell('events, at rest', await (await watch(page), measured(page)));

for (const [rows, seconds] of [[3, 20], [30, 20], [300, 60]]) {
    await watch(page);

    const count = await page.evaluate(async ([by, time]) => {
        const box = document.querySelector('main .virtual');
        const end = performance.now() + time * 1000;

        while (performance.now() < end) {
            box.scrollBy(0, by * 34);
            await new Promise(requestAnimationFrame);
        }
        return box.getAttribute('aria-rowcount');
    }, [rows, seconds]);

    tell(`${rows} rows a frame for ${seconds} s, ${count} rows had`,
        await measured(page));
}

// the bar dragged through all that is known
await watch(page);
await page.evaluate(async () => {
    const box = document.querySelector('main .virtual');

    for (let i = 0; i < 200; i++) {
        box.scrollTop = (i * 37 % 100) / 100 * box.scrollHeight;
        await new Promise(requestAnimationFrame);
    }
});
tell('the bar dragged', await measured(page));

for (const top of [0.5, 0, 1]) {
    const start = performance.now();

    await page.evaluate(to => {
        const box = document.querySelector('main .virtual');

        box.scrollTop = to * box.scrollHeight;
    }, top);
    await page.waitForTimeout(50);
    await page.waitForFunction(() => ![...document.querySelectorAll(
        'main .virtual .event')].some(row => row.textContent === '...'),
    undefined, { timeout: patience });
    console.log(`# at ${top} of it: there in ${
        (performance.now() - start).toFixed(0)} ms`);
}

// more live events than anybody reads
for (const rate of [1000, 10_000]) {
    const source = await flood(page, rate);

    await goTo(page, '#/live');
    await table('Live events').getByRole('link').first().waitFor();
    await watch(page);

    const clicks = [];

    for (let i = 0; i < 10; i++) {
        await page.waitForTimeout(1000);
        const start = performance.now();

        await page.getByRole('button', { name: /^Pause|^Go on/ }).click();
        clicks.push(performance.now() - start);
    }
    tell(`live, ${rate} a second, clicks answered in ${clicks.map(n =>
        n.toFixed(0)).join(', ')} ms`, await measured(page));
    await goTo(page, '#/');
    await page.unroute('**/api/v2/events/stream*');
    source.close();
}

await finish(browser, page);
