// What axe finds in a page, or in a part of it, that keeps people out.

import { readFileSync } from 'node:fs';

import { axeFile, ok } from './browser.mjs';

const source = readFileSync(axeFile, 'utf8');

const all = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

/* That there is no serious fault within the last that selector names: by all
   rules, or, where only colours have changed since, by that of contrast. */
export async function inspect(page, name, selector = 'html', rules = all) {
    if (!await page.evaluate(() => 'axe' in globalThis)) {
        await page.evaluate(source);
    }

    const faults = await page.evaluate(async ([within, runOnly]) => {
        const { violations } = await globalThis.axe.run(
            [...document.querySelectorAll(within)].at(-1),
            { runOnly, resultTypes: ['violations'] });

        return violations.filter(v => ['serious', 'critical'].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).slice(0, 4)
                .join(', ')} ${v.nodes[0].failureSummary}`);
    }, [selector, rules]);

    ok(faults.length === 0, `${name} is accessible`, faults.join(' | '));
}
