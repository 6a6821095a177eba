// Numbers and names as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(n: number | null | undefined): string {
    return n === null || n === undefined ? '-' : whole.format(n);
}

const exact = new Intl.NumberFormat('en', { maximumFractionDigits: 12 });

/* A value as it is set, its thousands apart. */
export function value(of: string | number | boolean): string {
    return typeof of === 'number' ? exact.format(of) : String(of);
}

/* Six figures at most, for what has to fit. */
export function brief(n: number): string {
    for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']] as const) {
        if (n >= size) {
            const scaled = n / (unit === 'k' ? 1e3 : size);

            return `${scaled.toFixed(scaled < 100 ? 1 : 0)}${unit}`;
        }
    }
    return n % 1 === 0 ? count(n) : n.toFixed(n < 10 ? 2 : 1);
}

export function percent(ratio: number | null | undefined, digits = 2): string {
    return ratio === null || ratio === undefined ? '-'
        : `${(ratio * 100).toFixed(digits)} %`;
}

export function ratio(n: number | null | undefined): string {
    return n === null || n === undefined ? '-'
        : n >= 100 ? count(n) : n.toFixed(2);
}

export const severities = ['emergency', 'alert', 'critical', 'error',
    'warning', 'notice', 'info', 'debug'] as const;

export function severity(n: unknown): string {
    return typeof n === 'number' ? severities[n] ?? String(n) : '-';
}

export const handlings = ['Page_and_ticket', 'Page_only', 'Ticket_only',
    'Email_only', 'Log_only', 'Suppress', 'Ignore'] as const;

export function words(name: string): string {
    return name.replace(/_/g, ' ');
}

export function plural(n: number, one: string, many = `${one}s`): string {
    return `${count(n)} ${n === 1 ? one : many}`;
}

// Characters that draw nothing, or turn what stands beside them around, are
// shown as what they are, so that a text cannot pretend to be another.
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function visible(text: string): string {
    return text.replace(unseen, c => {
        const code = c.charCodeAt(0);

        return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
    });
}

/* The same, short enough for a row. */
export function line(text: string, most = 400): string {
    const cut = text.length > most ? `${text.slice(0, most)}\u2026` : text;

    return visible(cut.replace(/[\t\r\n]+/g, ' '));
}
