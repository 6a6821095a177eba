// Files that are made here and saved there.

export function save(name: string, type: string, text: string): void {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement('a');

    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/* A field of CSV.  What a spreadsheet would take for a formula is text. */
function field(value: unknown): string {
    const text = value === null || value === undefined ? ''
        : typeof value === 'string' ? value : JSON.stringify(value);
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)
        ? `'${text}` : text;

    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export function csv(names: readonly string[],
    rows: readonly Readonly<Record<string, unknown>>[]): string {
    return [names.join(','), ...rows.map(row =>
        names.map(name => field(row[name])).join(','))].join('\r\n') + '\r\n';
}

export function stamp(): string {
    return new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-');
}
