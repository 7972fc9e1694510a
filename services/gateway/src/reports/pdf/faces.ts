import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { create, type Font } from 'fontkit'

/** Inter in three weights (SIL Open Font License), which has Latin, Greek, Cyrillic and the rupee sign. */
export interface Faces {
  readonly files: Readonly<Record<Weight, Buffer>>
  /** The text with what a page cannot show made visible: an empty box for a letter that the face lacks. */
  drawable(text: string): string
}

export type Weight = 'regular' | 'medium' | 'semibold'

const fileOf: Readonly<Record<Weight, () => string>> = {
  regular: () => import.meta.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf'),
  medium: () => import.meta.resolve('@expo-google-fonts/inter/500Medium/Inter_500Medium.ttf'),
  semibold: () => import.meta.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf'),
}

const LACKING = '\u25a1'

export function loadFaces(): Faces {
  const read = (weight: Weight): Buffer => readFileSync(fileURLToPath(fileOf[weight]()))
  const files = { regular: read('regular'), medium: read('medium'), semibold: read('semibold') }
  const face = create(files.regular) as Font
  const known = new Map<string, string>()
  const shown = (character: string): string => {
    let as = known.get(character)
    if (as === undefined) {
      as = face.hasGlyphForCodePoint(character.codePointAt(0) ?? 0) ? character : LACKING
      known.set(character, as)
    }
    return as
  }
  return {
    files,
    drawable(text) {
      const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/\p{Cf}+/gu, '')
      // Nearly every text is ASCII, which the face has.
      if (/^[ -~]*$/.test(plain)) return plain
      let drawn = ''
      for (const character of plain.normalize('NFC')) drawn += shown(character)
      return drawn
    },
  }
}
