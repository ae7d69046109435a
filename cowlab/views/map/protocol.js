/**
 * What Python and the map say to each other: numbers in records, messages, and the model that carries them.
 *
 * A record of a page or a frame is two uint32: a word (state | flags << 8 | mappers << 16) and a frame.
 */

export const PAGE_KIB = 4;
export const FRAMES = 0; // the key of the frames' grid
export const NONE = 0xffffffff; // "no frame" in a record

// States that are named here; all have a look, which Python sends.
export const PRIVATE = 2;
export const BY_TWO = 3;
export const BY_MORE = 4;
export const TABLE = 7;
export const FREE = 13;
export const DIFFERENT = 15; // not a state: the look of a mark

// Flags of a record.
export const WRITABLE = 1;
export const DIRTY = 2;
export const DIFFERS = 4;
export const EXCLUSIVE = 8;

/** @typedef {"write" | "read" | "fork" | "exit" | "back" | "step"} Op */

/**
 * How a state looks.
 * @typedef {{ word: string, light: string, dark: string, text_light: string, text_dark: string, mark: string }} Look
 */

/** @typedef {{ key: number, name: string, kind: string, pages: number, cells: number }} MappingFacts */
/** @typedef {{ id: string, title: string, note: string, parent: string, mappings: MappingFacts[] }} CardFacts */

/**
 * The physical frames: how many cells show them, how many there are.
 * @typedef {{ cells: number, shown?: number, used: number, tables: number, free: number, total: number }} FrameFacts
 */

/** @typedef {{ key: number, from: number, buffer: number }} Patch */

/**
 * What an operation did to a page; frames are -1 where there was none.
 * @typedef {{ kind: string, process: string, mapping: string, page: number, old: number, frame: number }} Effect
 */

/**
 * A new state of the machine; what is missing or null stays as it was.
 * @typedef {object} Draw
 * @property {"draw"} type
 * @property {number} seq
 * @property {boolean} [full]
 * @property {number} scale pages a cell
 * @property {CardFacts[] | null} [cards]
 * @property {FrameFacts | null} [frames]
 * @property {Patch[]} [patches]
 * @property {Effect[]} [effects]
 * @property {Record<string, number>} [counters]
 * @property {string} [said]
 */

/**
 * A decision of a fault, and the line of code that asks it.
 * @typedef {object} Step
 * @property {string} question
 * @property {string} answer
 * @property {string} line
 * @property {number} [number]
 * @property {string} function
 * @property {string} [file]
 */

/** @typedef {{ type: "pages", key: number, start: number, buffer?: number }} Pages */
/** @typedef {{ process?: string | null, mapping?: string, page?: number, frame?: number }} Subject */
/** @typedef {Subject & { type: "look", text: string }} Answer */
/** @typedef {{ type: "say", text: string, error?: boolean }} Said */
/** @typedef {{ type: "inside", steps: Step[], at: number, title?: string }} InsideSteps */
/** @typedef {Draw | Pages | Answer | Said | InsideSteps} Message */

/** @typedef {(message: { type: string, [field: string]: unknown }) => void} Send */

/**
 * The widget's model, as anywidget gives it.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {Send} send
 * @property {(name: string, heard: (...told: any[]) => void) => void} on
 * @property {(name: string, heard: (...told: any[]) => void) => void} off
 */
