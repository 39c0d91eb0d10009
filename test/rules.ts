/** The rules that the code follows. Each has at least one test whose title carries its id. */
export const BUILT: readonly string[] = [
  ...['S1', 'S2', 'S3', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S10', 'S11', 'S12', 'S13', 'S14', 'S15', 'S16'],
  ...['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10'],
  ...['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7', 'C8'],
  ...['R1', 'R2', 'R3'],
  ...['Q1', 'Q2', 'Q3', 'Q4'],
  ...['P1', 'P2', 'P3', 'P4', 'P5', 'P6'],
];

/** Rules for what does not exist yet, and what that is. */
export const NOT_BUILT: Readonly<Record<string, string>> = {
  P7: 'consumer groups',
};
