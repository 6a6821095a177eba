// Server-Sent Events out of a text that comes in pieces.

const longest = 1_000_000;

/* What is given the pieces tells each event: its name and its data. */
export function events(tell: (name: string, data: string) => void):
    (piece: string) => void {
    let rest = '', name = '', data: string[] = [];

    const line = (text: string): void => {
        if (text === '') {
            if (data.length > 0) {
                tell(name === '' ? 'message' : name, data.join('\n'));
            }
            name = '';
            data = [];
        } else if (text.startsWith('data:')) {
            data.push(text.slice(text.startsWith('data: ') ? 6 : 5));
        } else if (text.startsWith('event:')) {
            name = text.slice(6).trim();
        }
    };

    return piece => {
        const lines = (rest + piece).split('\n');

        rest = lines.pop() ?? '';
        if (rest.length > longest) {
            throw new Error('a line without end');
        }
        for (const text of lines) {
            line(text.endsWith('\r') ? text.slice(0, -1) : text);
        }
    };
}
