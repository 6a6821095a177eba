// Which part of a long list is in sight.  A browser draws nothing taller than
// some ten million pixels; a list that is taller is moved within that height:
// by as much as one scrolls, or, when somebody drags far, to the same part of
// the whole.

const tallest = 10_000_000;

export interface Whole {
    readonly total: number;      /* pixels of all rows */
    readonly view: number;       /* pixels in sight */
}

export interface Spot {
    readonly top: number;        /* what the browser is scrolled to */
    readonly at: number;         /* what of the whole list that is */
}

export function drawn(total: number): number {
    return Math.min(total, tallest);
}

/* The spot after the browser was scrolled to top, or the list has grown. */
export function moved(of: Whole, was: Spot, top: number): Spot {
    const room = Math.max(0, drawn(of.total) - of.view);
    const range = Math.max(0, of.total - of.view);

    if (room === range) {
        return { top, at: top };
    }

    const by = top - was.top;
    const far = Math.abs(by) > 4 * of.view;
    const at = top <= 0 ? 0 : far ? top / room * range
        : Math.max(0, Math.min(range, was.at + by));

    /* no edge of what is drawn is near, unless that of the list is */
    const stuck = top < 2 * of.view && at > 2 * of.view
        || top > room - 2 * of.view && at < range - 2 * of.view;

    return { at, top: stuck ? Math.round(at / range * room) : top };
}
