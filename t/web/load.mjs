// What a page is given when there is much: rows without end, and more live
// events than anybody reads.  Shared by the test and by the measurements.

import { createServer } from 'node:http';

const decisions = ['Page_and_ticket', 'Ticket_only', 'Log_only', null];

function liveEvent(n, host) {
    const decision = decisions[n % decisions.length];

    return JSON.stringify({
        event_id: `01930000-0000-7000-8000-${String(n).padStart(12, '0')}`,
        received_at: new Date().toISOString(), hostname: host ?? `host-${n % 5000}`,
        message: `link ${n} down on port Te0/${n % 48}, carrier lost`,
        syslog_severity: n % 8, matched_rule_id: decision === null ? null : n % 50,
        handling_decision: decision, forwarded_to_moog: n % 2 === 0,
        outcome: decision === null ? 'unhandled' : 'alert',
    });
}

/*
 * Stands in for the stream of events: so many a second, of which the server
 * itself has left out as many again.  Notes the queries it was asked with.
 */
export async function flood(page, rate) {
    const asked = [];
    const server = createServer((request, response) => {
        const query = new URL(request.url, 'http://x').searchParams;

        asked.push(query);
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write('retry: 1000\n: live\n\n');
        let last = performance.now();

        const timer = setInterval(() => {
            const now = performance.now();
            const many = Math.min(rate, Math.floor((now - last) * rate / 1000));

            if (response.writableLength > 1_000_000) {
                return;
            }
            last = now;
            let text = '';

            for (let i = 0; i < many; i++) {
                text += `data: ${liveEvent(flood.sent++,
                    query.get('hostname'))}\n\n`;
            }
            response.write(`${text}event: dropped\n`
                + `data: {"dropped":0,"sampled_out":${many}}\n\n`);
        }, 50);

        response.on('close', () => clearInterval(timer));
    });

    await new Promise(done => server.listen(0, '127.0.0.1', done));
    await page.route('**/api/v2/events/stream*', route => route.continue({
        url: `http://127.0.0.1:${server.address().port}/${
            new URL(route.request().url()).search}` }));
    return { asked, close: () => server.closeAllConnections() };
}

flood.sent = 0;

/* What the page's main thread has used, in its own time: that of a busy
   machine is no measure. */
async function used(page) {
    page.meter ??= await page.context().newCDPSession(page);
    await page.meter.send('Performance.enable', { timeDomain: 'threadTicks' });

    const { metrics } = await page.meter.send('Performance.getMetrics');

    return Object.fromEntries(metrics.map(m => [m.name, m.value * 1000]));
}

/* Watches frames and long tasks from now on; measured() tells them. */
export async function watch(page) {
    page.before = await used(page);
    await page.evaluate(() => {
        const seen = { frames: [], tasks: [], stop: false };
        let before = performance.now();
        const frame = now => {
            seen.frames.push(now - before);
            before = now;
            if (!seen.stop) {
                requestAnimationFrame(frame);
            }
        };

        seen.observer = new PerformanceObserver(list =>
            seen.tasks.push(...list.getEntries().map(e => e.duration)));
        seen.observer.observe({ type: 'longtask' });
        requestAnimationFrame(frame);
        globalThis.watching = seen;
    });
}

export async function measured(page) {
    const now = await used(page);
    const by = name => now[name] - page.before[name];
    const seen = await page.evaluate(() => {
        const seen = globalThis.watching;

        seen.stop = true;
        seen.observer.disconnect();
        const frames = seen.frames.slice(1).sort((a, b) => a - b);
        const at = share => frames[Math.min(frames.length - 1,
            Math.floor(frames.length * share))] ?? 0;

        return { frames: frames.length, p50: at(0.5), p99: at(0.99),
            worst: at(1), tasks: seen.tasks.length,
            longest: Math.max(0, ...seen.tasks),
            nodes: document.querySelectorAll('*').length,
            heap: performance.memory?.usedJSHeapSize ?? 0 };
    });

    return { ...seen, cpu: by('TaskDuration') / seen.frames,
        script: by('ScriptDuration') / seen.frames,
        layout: (by('LayoutDuration') + by('RecalcStyleDuration'))
            / seen.frames };
}
